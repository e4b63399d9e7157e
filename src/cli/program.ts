import { Command, Option } from "commander";
import type { Context, Outcome } from "./context.ts";
import { printHelp } from "./help.ts";
import { parseCount, parseExpected, parseRelease, parseSince, parseTail } from "./numbers.ts";

/** What a command's module exports. `options` come from the command line, as declared below. */
interface CommandModule<Options, Args extends readonly unknown[]> {
  run(context: Context, options: Options, ...args: Args): Outcome;
}

/** What the program needs from the process that runs it. */
export interface Host {
  /** Runs a command with its context and handles its outcome. */
  run(json: boolean, work: (context: Context) => Outcome): Promise<void>;
  /** Help and version. */
  write(text: string): void;
}

/** Commander's action for a module that is loaded only when its command was chosen. */
type Load = <Options extends object, Args extends readonly unknown[]>(
  load: () => Promise<CommandModule<Options, Args>>,
) => (...given: unknown[]) => Promise<void>;

/**
 * Every command: its words, arguments and options. A command loads only its own module. Wrong usage
 * is thrown as commander's CommanderError.
 */
export function createProgram(version: string, host: Host): Command {
  const program = new Command("kiln")
    .description(
      "Immutable infrastructure as one tool: servers are made from versioned images and never changed after they start.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .configureHelp({
      subcommandTerm: (sub) => [sub.name(), sub.usage().replace(/\[(options|command)\] ?/g, "")].join(" "),
    })
    .addHelpText("after", "\nBegin with `kiln quickstart`, or with `kiln init` in a project's folder.\n")
    .enablePositionalOptions() // so that exactly one command of a chain takes an option
    .addOption(jsonAnywhere())
    .showSuggestionAfterError(false) // Kiln suggests fewer words, and only similar ones
    .exitOverride()
    .configureOutput({ writeOut: (text) => host.write(text), writeErr: () => {} });
  const load: Load =
    (module) =>
    async (...given) => {
      // commander hands over the arguments, the options, and the command itself
      const options = given.at(-2) as Parameters<Awaited<ReturnType<typeof module>>["run"]>[1];
      const args = given.slice(0, -2) as never;
      const json = (given.at(-1) as Command).optsWithGlobals().json === true;
      await host.run(json, async (context) =>
        (await module()).run(context, options, ...(args as never[] as never)),
      );
    };
  addProjectCommands(program, load);
  addServiceCommands(program, load);
  addChangeCommands(program, load);
  addSecretCommands(program, load);
  addAuditCommands(program, load);
  addDriftCommands(program, load);
  addImageCommands(program, load);
  addMachineCommands(program, load);
  addHelpCommand(program);
  return program;
}

/** The help command of commander knows one word only, and ignores an unknown one. */
function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .addOption(jsonAnywhere())
    .description("print help for a command")
    .argument("[COMMAND...]", "the command's words, such as `secret set`")
    .action((words: readonly string[]) => printHelp(program, words));
}

/** `kiln --json status` means the same as `kiln status --json`. */
function jsonAnywhere(): Option {
  return new Option("--json", "print JSON for programs").hideHelp();
}

function addProjectCommands(program: Command, load: Load): void {
  program.commandsGroup("Make and deploy:");
  const which = "the service, if kiln.yaml has several";
  command(program, "init", "write a commented kiln.yaml for this folder", "kiln init").action(
    load(() => import("./commands/init.ts")),
  );
  fromFile(command(program, "build", "build a service's image", "kiln build", "kiln build --update"))
    .argument("[SERVICE]", which)
    .option("-u, --update", "resolve the packages again and write kiln.lock")
    .action(load(() => import("./commands/build.ts")));
  fromFile(
    command(
      program,
      "plan",
      "show what `kiln deploy` would do, and why",
      "kiln plan",
      "kiln plan --env staging",
    ),
  )
    .argument("[SERVICE]", which)
    .action(load(() => import("./commands/plan.ts")));
  fromFile(
    command(
      program,
      "deploy",
      "build an image, create a release, and roll it out",
      "kiln deploy",
      "kiln deploy --env staging",
      "kiln deploy --no-wait",
    ),
  )
    .argument("[SERVICE]", which)
    .option("--no-wait", "return as soon as the rollout has started")
    .option("--supersede", "end a running rollout and start this one")
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(() => import("./commands/deploy.ts")));
  command(program, "schema", "print the JSON Schema of kiln.yaml", "kiln schema > kiln.schema.json").action(
    load(() => import("./commands/schema.ts")),
  );
}

function addServiceCommands(program: Command, load: Load): void {
  program.commandsGroup("Inspect services:");
  const oneOrAll = "a service; default: the one in ./kiln.yaml, else all";
  fromFile(
    command(
      program,
      "status",
      "show all services, or everything about one",
      "kiln status",
      "kiln status shop",
    ),
  )
    .argument("[SERVICE]", oneOrAll)
    .action(load(() => import("./commands/status.ts")));
  fromFile(command(program, "servers", "list servers", "kiln servers", "kiln servers shop --json"))
    .argument("[SERVICE]", oneOrAll)
    .action(load(() => import("./commands/servers.ts")));
  fromFile(
    command(
      program,
      "history",
      "list a service's releases and rollouts",
      "kiln history",
      "kiln history shop.staging",
    ),
  )
    .argument("[SERVICE]", theOne)
    .action(load(() => import("./commands/history.ts")));
  following(
    command(
      program,
      "logs",
      "print the output of servers and jobs",
      "kiln logs -f",
      "kiln logs --tail 20 shop",
      "kiln logs shop-3-1-1",
      "kiln logs --job migrate",
    ),
  )
    .argument(
      "[SERVER|SERVICE]",
      "one server, or all servers of a service; default: the service in ./kiln.yaml",
    )
    .option("-n, --tail <N>", "the last N lines of each server, or `all`", parseTail, 100)
    .option("--job <NAME>", "only the last run of this job")
    .option("-t, --timestamps", "print the time of each line")
    .action(load(() => import("./commands/logs.ts")));
}

const reasonHelp = "why, for the event log";
const expectRelease = "only if this release serves (0: none), or if the plan still has this digest";
const expectRollout = "only if the running rollout has this number, or if the plan still has this digest";

const planHelp = "print what this would do, and do nothing";
const theOne = "the service; default: the one in ./kiln.yaml";

function addChangeCommands(program: Command, load: Load): void {
  program.commandsGroup("Change services:");
  fromFile(
    command(
      program,
      "rollback",
      "return to the last good release, or to a given one",
      "kiln rollback",
      "kiln rollback 6",
      "kiln rollback --service shop",
    ),
  )
    .argument("[RELEASE]", "the number of the release; default: the last good one", parseRelease)
    .option("-s, --service <SERVICE>", theOne)
    .option("--no-wait", "return as soon as the rollout has started")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(() => import("./commands/rollback.ts")));
  fromFile(
    command(program, "scale", "change the number of servers", "kiln scale 5", "kiln scale 5 --service shop"),
  )
    .argument("<N>", "the number of servers, 0 to 1000", parseCount)
    .option("-s, --service <SERVICE>", theOne)
    .option("--no-wait", "do not wait until the servers are ready")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(() => import("./commands/scale.ts")));
  fromFile(
    command(
      program,
      "remove",
      "remove a service and everything it has on the machine",
      "kiln remove",
      "kiln remove shop --yes",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("-y, --yes", "do not ask for confirmation")
    .option("--no-wait", "do not wait until the service is gone")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRelease, parseExpected)
    .action(load(() => import("./commands/remove.ts")));
  const rollout = group(program, "rollout", "show and control rollouts");
  following(
    command(
      rollout,
      "show",
      "show the running rollout, or the last one",
      "kiln rollout show",
      "kiln rollout show shop -f",
    ),
  )
    .argument("[SERVICE]", theOne)
    .action(load(() => import("./commands/rollout-show.ts")));
  fromFile(command(rollout, "pause", "pause the running rollout in its present state", "kiln rollout pause"))
    .argument("[SERVICE]", theOne)
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(() => import("./commands/rollout-pause.ts")));
  fromFile(command(rollout, "resume", "continue a paused rollout", "kiln rollout resume"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until the rollout has ended")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(() => import("./commands/rollout-resume.ts")));
  fromFile(
    command(
      rollout,
      "promote",
      "skip the rest of this step's hold, or approve a manual promotion",
      "kiln rollout promote",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until the rollout has ended")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(() => import("./commands/rollout-promote.ts")));
  fromFile(command(rollout, "abort", "roll the running rollout back", "kiln rollout abort"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until it is rolled back")
    .option("--plan", planHelp)
    .option("--reason <TEXT>", reasonHelp)
    .option("--expect <NUMBER|DIGEST>", expectRollout, parseExpected)
    .action(load(() => import("./commands/rollout-abort.ts")));
}

function addAuditCommands(program: Command, load: Load): void {
  program.commandsGroup("Audit:");
  const audit = group(program, "audit", "print and verify the log of all events");
  described(
    audit.command("log", { isDefault: true }),
    "print events; `kiln audit` alone does the same",
    "kiln audit --since 2h",
    "kiln audit --subject shop-3-1-1 --tail all",
    "kiln audit -f --json",
  )
    .option("-s, --subject <SUBJECT>", "only events of this service or server")
    .option("--since <TIME>", "only events since: 2h, 3d, 2026-05-01, 2026-05-01T08:00Z", parseSince)
    .option("-n, --tail <N>", "only the newest N, or `all`; default: 100 without --since", parseTail)
    .option("-f, --follow", "keep printing as events happen")
    .action(load(() => import("./commands/audit-log.ts")));
  command(
    audit,
    "verify",
    "replay the log and report the first altered entry",
    "kiln audit verify",
    "kiln audit verify --checkpoint monday.json --key kiln.pub",
  )
    .option(
      "-c, --checkpoint <FILE>",
      "a checkpoint from `kiln audit checkpoint`; may be repeated",
      collected,
    )
    .option("-k, --key <FILE>", "public keys that you trust, in PEM; may be repeated", collected)
    .action(load(() => import("./commands/audit-verify.ts")));
  command(
    audit,
    "accept",
    "record that the problems of the log are known, and their reason",
    'kiln audit accept --reason "restored from the backup of Monday"',
  )
    .option("-r, --reason <TEXT>", "the reason, for the log; on a terminal Kiln asks for it")
    .option("-c, --checkpoint <FILE>", "as for `kiln audit verify`", collected)
    .option("-k, --key <FILE>", "as for `kiln audit verify`", collected)
    .action(load(() => import("./commands/audit-accept.ts")));
  intoFile(
    command(audit, "checkpoint", "sign the log as it is now", "kiln audit checkpoint --output monday.json"),
    "the file to write; `-` is standard output",
  ).action(load(() => import("./commands/audit-checkpoint.ts")));
  intoFile(
    command(
      audit,
      "export",
      "print the log as lines that anyone can verify",
      "kiln audit export --output log.jsonl",
    ),
    "the file to write; `-` is standard output",
  ).action(load(() => import("./commands/audit-export.ts")));
  command(audit, "key", "print the public key that verifies checkpoints", "kiln audit key > kiln.pub").action(
    load(() => import("./commands/audit-key.ts")),
  );
  command(audit, "rotate", "sign with a new key from now on")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(() => import("./commands/audit-rotate.ts")));
}

function addDriftCommands(program: Command, load: Load): void {
  program.commandsGroup("Changed servers:");
  command(
    program,
    "drift",
    "list servers that differ from their releases; exit code 1 if any does",
    "kiln drift",
    "kiln drift shop",
    "kiln drift shop-3-1-1 --json",
    "kiln drift --watch",
  )
    .argument("[SERVER|SERVICE]", "one server, or all servers of a service; default: all servers")
    .option("-i, --inspect", "check every server again first")
    .option("-w, --watch", "keep printing differences as they are found")
    .action(load(() => import("./commands/drift.ts")));
  const evidence = group(program, "evidence", "show and export the evidence of quarantined servers");
  command(evidence, "ls", "list the kept evidence", "kiln evidence ls").action(
    load(() => import("./commands/evidence-ls.ts")),
  );
  command(evidence, "show", "print processes, mounts and the last log lines", "kiln evidence show shop-3-1-1")
    .argument("<SERVER>", "a server, as in `kiln evidence ls`")
    .action(load(() => import("./commands/evidence-show.ts")));
  intoFile(
    command(
      evidence,
      "export",
      "write all evidence of a server as a tar archive",
      "kiln evidence export shop-3-1-1 --output case.tar",
      "kiln evidence export shop-3-1-1 --output - | tar t",
    ),
    "the file to write, instead of ./SERVER.tar; `-` is standard output",
  )
    .argument("<SERVER>", "a server, as in `kiln evidence ls`")
    .action(load(() => import("./commands/evidence-export.ts")));
  command(
    program,
    "exec",
    "run a command in a server, which taints and replaces it",
    'kiln exec shop-3-1-1 --reason "hangs since noon" -- sh',
    "kiln exec shop-3-1-1 -r KILN-7 -- cat /proc/1/status",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .argument("<COMMAND...>", "the command to run, after `--`")
    .option("-r, --reason <TEXT>", "the reason, for the log; on a terminal Kiln asks for it")
    .action(load(() => import("./commands/exec.ts")));
  const server = group(program, "server", "reproduce or destroy one server");
  command(
    server,
    "reproduce",
    "start a copy of this server for inspection, without traffic",
    "kiln server reproduce shop-3-1-1",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(() => import("./commands/server-reproduce.ts")));
  command(
    server,
    "destroy",
    "destroy a server that is kept in quarantine, or a reproduction",
    "kiln server destroy shop-3-1-1",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(() => import("./commands/server-destroy.ts")));
}

/** An option that may be given several times. */
function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function addSecretCommands(program: Command, load: Load): void {
  program.commandsGroup("Secrets:");
  const secret = group(program, "secret", "set, list or remove secrets");
  fromFile(
    command(
      secret,
      "set",
      "set a secret to a value from standard input",
      "kiln secret set DB_PASSWORD",
      'printf %s "$TOKEN" | kiln secret set API_KEY shop',
      "kiln secret set TLS_KEY --env staging --keep-newline < tls.key",
    ),
  )
    .argument("<NAME>", "the name, as in kiln.yaml")
    .argument("[SERVICE]", theOne)
    .option("--keep-newline", "keep a trailing newline")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(() => import("./commands/secret-set.ts")));
  fromFile(
    command(
      secret,
      "ls",
      "list secrets with their versions and the releases that use them; never values",
      "kiln secret ls",
      "kiln secret ls shop.staging",
    ),
  )
    .argument("[SERVICE]", "a service; default: the one in ./kiln.yaml, else all")
    .action(load(() => import("./commands/secret-ls.ts")));
  fromFile(
    command(secret, "rm", "remove a secret that no kept release uses", "kiln secret rm DB_PASSWORD shop"),
  )
    .argument("<NAME>", "the name, as in kiln.yaml")
    .argument("[SERVICE]", theOne)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(() => import("./commands/secret-rm.ts")));
}

function addImageCommands(program: Command, load: Load): void {
  program.commandsGroup("Images:");
  command(program, "images", "list images, and the releases that use them", "kiln images", "kiln images shop")
    .argument("[SERVICE]", "only images of this service")
    .action(load(() => import("./commands/images.ts")));
  const image = group(program, "image", "remove images");
  command(
    image,
    "rm",
    "remove images that no kept release uses",
    "kiln image rm shop:1.4.0",
    "kiln image rm sha256:4f1c...",
  )
    .argument("<IMAGE...>", "SERVICE:VERSION, a digest, or the beginning of a digest")
    .action(load(() => import("./commands/image-rm.ts")));
  command(program, "gc", "remove images and cached data that nothing uses", "kiln gc").action(
    load(() => import("./commands/gc.ts")),
  );
}

function addMachineCommands(program: Command, load: Load): void {
  program.commandsGroup("This machine:");
  command(
    program,
    "quickstart",
    "demo: build, deploy, change and roll back a real site, in about a minute",
    "kiln quickstart",
    "kiln quickstart --keep",
  )
    .option("-k, --keep", "leave the example running at the end")
    .action(load(() => import("./commands/quickstart.ts")));
  command(
    program,
    "doctor",
    "show what Kiln can and cannot do on this machine",
    "kiln doctor",
    "kiln doctor --fix",
  )
    .option("--fix", "install the Debian packages of missing programs first")
    .option("-y, --yes", "do not ask before installing")
    .action(load(() => import("./commands/doctor.ts")));
  const controller = group(program, "controller", "start, stop or inspect the controller");
  command(controller, "start", "start the controller in the background").action(
    load(() => import("./commands/controller-start.ts")),
  );
  command(controller, "stop", "stop the controller; servers and router keep running").action(
    load(() => import("./commands/controller-stop.ts")),
  );
  command(controller, "status", "show whether the controller runs; exit code 1 if not").action(
    load(() => import("./commands/controller-status.ts")),
  );
  command(controller, "run", "run the controller in the foreground, for service managers").action(
    load(() => import("./commands/controller-run.ts")),
  );
  command(
    controller,
    "unit",
    "print a systemd unit",
    "kiln controller unit > /etc/systemd/system/kiln.service",
  ).action(load(() => import("./commands/controller-unit.ts")));
}

/** A command group: alone, it prints the help of its commands. */
function group(program: Command, name: string, summary: string): Command {
  return program.command(name).description(summary).helpCommand(false).addOption(jsonAnywhere());
}

function command(parent: Command, name: string, summary: string, ...examples: readonly string[]): Command {
  return described(parent.command(name), summary, ...examples);
}

function described(command: Command, summary: string, ...examples: readonly string[]): Command {
  const help = examples.map((example) => `\n  $ ${example}`).join("");
  return command
    .description(summary)
    .option("--json", "print JSON for programs")
    .addHelpText("after", help === "" ? "" : `\nExamples:${help}\n`);
}

/** The options for the file and the environment of the service. */
function fromFile(command: Command): Command {
  return command
    .option("-f, --file <FILE>", "the file to use instead of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "an environment of kiln.yaml");
}

/** The same, for commands where `-f` means `--follow`. */
function following(command: Command): Command {
  return command
    .option("-f, --follow", "keep printing as events happen")
    .option("--file <FILE>", "the file to use instead of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "an environment of kiln.yaml");
}

/** A command that writes a file, which it overwrites only with `--force`. */
function intoFile(command: Command, summary: string): Command {
  return command.option("-o, --output <FILE>", summary).option("--force", "replace an existing file");
}
