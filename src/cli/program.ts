import { Command, Option } from "commander";
import type { Context, Outcome } from "./context.ts";
import { printHelp } from "./help.ts";
import { parseCount, parseRelease, parseSince, parseTail } from "./numbers.ts";

/** What a command's module exports. `options` are what its declaration below makes of the command line. */
interface CommandModule<Options, Args extends readonly unknown[]> {
  run(context: Context, options: Options, ...args: Args): Outcome;
}

/** What the program asks of the process around it. */
export interface Host {
  /** Gives a command its world and sees to its outcome. */
  run(json: boolean, work: (context: Context) => Outcome): Promise<void>;
  /** Help and version. */
  write(text: string): void;
}

/** Commander's action for a module that is loaded only when its command was chosen. */
type Load = <Options extends object, Args extends readonly unknown[]>(
  load: () => Promise<CommandModule<Options, Args>>,
) => (...given: unknown[]) => Promise<void>;

/**
 * Every command: its words, arguments and options. One command's start never pays for another's imports. Wrong usage
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
    .showSuggestionAfterError(false) // ours name fewer words, and only near ones
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

/** commander's own knows one word only, and takes one that it does not know for none. */
function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .addOption(jsonAnywhere())
    .description("print help for a command")
    .argument("[COMMAND...]", "its words, such as `secret set`")
    .action((words: readonly string[]) => printHelp(program, words));
}

/** `kiln --json status` means the same as `kiln status --json`. */
function jsonAnywhere(): Option {
  return new Option("--json", "print JSON for programs").hideHelp();
}

function addProjectCommands(program: Command, load: Load): void {
  program.commandsGroup("Make and deploy:");
  const which = "which service, where kiln.yaml has several";
  command(program, "init", "write a commented kiln.yaml for this folder", "kiln init").action(
    load(() => import("./commands/init.ts")),
  );
  fromFile(command(program, "build", "build a service's image", "kiln build", "kiln build --update"))
    .argument("[SERVICE]", which)
    .option("-u, --update", "resolve the packages anew and write kiln.lock")
    .action(load(() => import("./commands/build.ts")));
  fromFile(
    command(program, "plan", "show what deploy would do, and why", "kiln plan", "kiln plan --env staging"),
  )
    .argument("[SERVICE]", which)
    .action(load(() => import("./commands/plan.ts")));
  fromFile(
    command(
      program,
      "deploy",
      "build, make a release, and roll it out",
      "kiln deploy",
      "kiln deploy --env staging",
      "kiln deploy --no-wait",
    ),
  )
    .argument("[SERVICE]", which)
    .option("--no-wait", "return as soon as the rollout has begun")
    .option("--supersede", "end a running rollout in favour of this one")
    .action(load(() => import("./commands/deploy.ts")));
  command(program, "schema", "print the JSON Schema of kiln.yaml", "kiln schema > kiln.schema.json").action(
    load(() => import("./commands/schema.ts")),
  );
}

function addServiceCommands(program: Command, load: Load): void {
  program.commandsGroup("Look at services:");
  const oneOrAll = "one service; otherwise that of ./kiln.yaml, or all";
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
      "print what servers and jobs have written",
      "kiln logs -f",
      "kiln logs --tail 20 shop",
      "kiln logs shop-3-1-1",
      "kiln logs --job migrate",
    ),
  )
    .argument("[SERVER|SERVICE]", "one server, or all of a service; otherwise those of ./kiln.yaml")
    .option("-n, --tail <N>", "the last N lines of each server, or `all`", parseTail, 100)
    .option("--job <NAME>", "the last run of this job")
    .option("-t, --timestamps", "print the time of each line")
    .action(load(() => import("./commands/logs.ts")));
}

const theOne = "which service; otherwise that of ./kiln.yaml";

function addChangeCommands(program: Command, load: Load): void {
  program.commandsGroup("Change services:");
  fromFile(
    command(
      program,
      "rollback",
      "return to the last good release, or to a named one",
      "kiln rollback",
      "kiln rollback 6",
      "kiln rollback --service shop",
    ),
  )
    .argument("[RELEASE]", "the release's number; otherwise the last good one", parseRelease)
    .option("-s, --service <SERVICE>", theOne)
    .option("--no-wait", "return as soon as the rollout has begun")
    .action(load(() => import("./commands/rollback.ts")));
  fromFile(
    command(
      program,
      "scale",
      "have more or fewer servers of the same release",
      "kiln scale 5",
      "kiln scale 5 --service shop",
    ),
  )
    .argument("<N>", "how many servers, 0 to 1000", parseCount)
    .option("-s, --service <SERVICE>", theOne)
    .option("--no-wait", "do not wait until they are ready")
    .action(load(() => import("./commands/scale.ts")));
  fromFile(
    command(
      program,
      "remove",
      "remove a service and everything it left on the machine",
      "kiln remove",
      "kiln remove shop --yes",
    ),
  )
    .argument("[SERVICE]", theOne)
    .option("-y, --yes", "do not ask")
    .option("--no-wait", "do not wait until it is gone")
    .action(load(() => import("./commands/remove.ts")));
  const rollout = group(program, "rollout", "look at a rollout, and steer it");
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
  fromFile(command(rollout, "pause", "stop the running rollout where it is", "kiln rollout pause"))
    .argument("[SERVICE]", theOne)
    .action(load(() => import("./commands/rollout-pause.ts")));
  fromFile(command(rollout, "resume", "go on with a paused rollout", "kiln rollout resume"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait for its end")
    .action(load(() => import("./commands/rollout-resume.ts")));
  fromFile(command(rollout, "promote", "end the waiting of the present step", "kiln rollout promote"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait for its end")
    .action(load(() => import("./commands/rollout-promote.ts")));
  fromFile(command(rollout, "abort", "turn the running rollout back", "kiln rollout abort"))
    .argument("[SERVICE]", theOne)
    .option("--no-wait", "do not wait until it is back")
    .action(load(() => import("./commands/rollout-abort.ts")));
}

function addAuditCommands(program: Command, load: Load): void {
  program.commandsGroup("What has happened:");
  const audit = group(
    program,
    "audit",
    "the log of everything that has happened, and proof that it is whole",
  );
  described(
    audit.command("log", { isDefault: true }),
    "print what has happened; `kiln audit` alone does the same",
    "kiln audit --since 2h",
    "kiln audit --subject shop-3-1-1 --tail all",
    "kiln audit -f --json",
  )
    .option("-s, --subject <SUBJECT>", "only what concerns a service or a server")
    .option("--since <TIME>", "only from a time on: 2h, 3d, 2026-05-01, 2026-05-01T08:00Z", parseSince)
    .option("-n, --tail <N>", "only the newest N, or `all`; 100 without --since", parseTail)
    .option("-f, --follow", "go on as things happen")
    .action(load(() => import("./commands/audit-log.ts")));
  command(
    audit,
    "verify",
    "replay the log and name the first entry that is not what was written",
    "kiln audit verify",
    "kiln audit verify --checkpoint monday.json --key kiln.pub",
  )
    .option("-c, --checkpoint <FILE>", "one that `kiln audit checkpoint` wrote; may be repeated", collected)
    .option("-k, --key <FILE>", "public keys that you trust, in PEM; may be repeated", collected)
    .action(load(() => import("./commands/audit-verify.ts")));
  command(
    audit,
    "accept",
    "record that what is wrong with the log is known, and why it is so",
    'kiln audit accept --reason "restored from the backup of Monday"',
  )
    .option("-r, --reason <TEXT>", "why, for the log; asked for on a terminal")
    .option("-c, --checkpoint <FILE>", "as for verify", collected)
    .option("-k, --key <FILE>", "as for verify", collected)
    .action(load(() => import("./commands/audit-accept.ts")));
  intoFile(
    command(audit, "checkpoint", "sign the log as it is now", "kiln audit checkpoint --output monday.json"),
    "write it there; `-` is standard output",
  ).action(load(() => import("./commands/audit-checkpoint.ts")));
  intoFile(
    command(
      audit,
      "export",
      "print the log as lines that anybody can verify",
      "kiln audit export --output log.jsonl",
    ),
    "write them there; `-` is standard output",
  ).action(load(() => import("./commands/audit-export.ts")));
  command(
    audit,
    "key",
    "print the public key that checkpoints are signed with",
    "kiln audit key > kiln.pub",
  ).action(load(() => import("./commands/audit-key.ts")));
  command(audit, "rotate", "sign with a new key from now on").action(
    load(() => import("./commands/audit-rotate.ts")),
  );
}

function addDriftCommands(program: Command, load: Load): void {
  program.commandsGroup("Servers that were changed:");
  command(
    program,
    "drift",
    "list how servers differ from their releases; exit code 1 when one does",
    "kiln drift",
    "kiln drift shop",
    "kiln drift shop-3-1-1 --json",
    "kiln drift --watch",
  )
    .argument("[SERVER|SERVICE]", "one server, or all of a service; otherwise all there are")
    .option("-i, --inspect", "look at every server once more")
    .option("-w, --watch", "go on as differences are found")
    .action(load(() => import("./commands/drift.ts")));
  const evidence = group(program, "evidence", "what servers in quarantine were");
  command(evidence, "ls", "list what is kept", "kiln evidence ls").action(
    load(() => import("./commands/evidence-ls.ts")),
  );
  command(evidence, "show", "print processes, mounts and last lines", "kiln evidence show shop-3-1-1")
    .argument("<SERVER>", "as `kiln evidence ls` lists it")
    .action(load(() => import("./commands/evidence-show.ts")));
  intoFile(
    command(
      evidence,
      "export",
      "write all that is kept of a server as a tar archive",
      "kiln evidence export shop-3-1-1 --output case.tar",
      "kiln evidence export shop-3-1-1 --output - | tar t",
    ),
    "in place of ./SERVER.tar; `-` is standard output",
  )
    .argument("<SERVER>", "as `kiln evidence ls` lists it")
    .action(load(() => import("./commands/evidence-export.ts")));
  command(
    program,
    "exec",
    "run a command in a server, which is tainted first and replaced",
    'kiln exec shop-3-1-1 --reason "hangs since noon" -- sh',
    "kiln exec shop-3-1-1 -r KILN-7 -- cat /proc/1/status",
  )
    .argument("<SERVER>", "as `kiln servers` lists it")
    .argument("<COMMAND...>", "what to run, behind `--`")
    .option("-r, --reason <TEXT>", "why, for the log; asked for on a terminal")
    .action(load(() => import("./commands/exec.ts")));
  const server = group(program, "server", "act on one server");
  command(
    server,
    "reproduce",
    "make a server like this one to look into, without traffic",
    "kiln server reproduce shop-3-1-1",
  )
    .argument("<SERVER>", "as `kiln servers` lists it")
    .action(load(() => import("./commands/server-reproduce.ts")));
  command(
    server,
    "destroy",
    "destroy a server that is kept in quarantine, or a reproduction",
    "kiln server destroy shop-3-1-1",
  )
    .argument("<SERVER>", "as `kiln servers` lists it")
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
      "give a secret a new value, read from standard input",
      "kiln secret set DB_PASSWORD",
      'printf %s "$TOKEN" | kiln secret set API_KEY shop',
      "kiln secret set TLS_KEY --env staging --keep-newline < tls.key",
    ),
  )
    .argument("<NAME>", "as in kiln.yaml")
    .argument("[SERVICE]", theOne)
    .option("--keep-newline", "take a line end at the end as part of the value")
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
    .argument("[SERVICE]", "one service; otherwise that of ./kiln.yaml, or all")
    .action(load(() => import("./commands/secret-ls.ts")));
  fromFile(
    command(secret, "rm", "remove a secret that no kept release uses", "kiln secret rm DB_PASSWORD shop"),
  )
    .argument("<NAME>", "as in kiln.yaml")
    .argument("[SERVICE]", theOne)
    .action(load(() => import("./commands/secret-rm.ts")));
}

function addImageCommands(program: Command, load: Load): void {
  program.commandsGroup("Images:");
  command(program, "images", "list images, and the releases that use them", "kiln images", "kiln images shop")
    .argument("[SERVICE]", "only those of one service")
    .action(load(() => import("./commands/images.ts")));
  const image = group(program, "image", "remove images");
  command(
    image,
    "rm",
    "remove images that no kept release uses",
    "kiln image rm shop:1.4.0",
    "kiln image rm sha256:4f1c...",
  )
    .argument("<IMAGE...>", "SERVICE:VERSION, or a digest or its beginning")
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
    "see it work: build, deploy, change and roll back a real site, in about a minute",
    "kiln quickstart",
    "kiln quickstart --keep",
  )
    .option("-k, --keep", "leave the example running at the end")
    .action(load(() => import("./commands/quickstart.ts")));
  command(program, "doctor", "show what this machine can and cannot do", "kiln doctor", "kiln doctor --fix")
    .option("--fix", "first install the Debian packages of missing programs")
    .option("-y, --yes", "do not ask before installing")
    .action(load(() => import("./commands/doctor.ts")));
  const controller = group(program, "controller", "start, stop or look at the controller");
  command(controller, "start", "start the controller in the background").action(
    load(() => import("./commands/controller-start.ts")),
  );
  command(controller, "stop", "stop it; servers and router live on").action(
    load(() => import("./commands/controller-stop.ts")),
  );
  command(controller, "status", "say whether it runs; exit code 1 when not").action(
    load(() => import("./commands/controller-status.ts")),
  );
  command(controller, "run", "run it in the foreground, for service managers").action(
    load(() => import("./commands/controller-run.ts")),
  );
  command(
    controller,
    "unit",
    "print a systemd unit",
    "kiln controller unit > /etc/systemd/system/kiln.service",
  ).action(load(() => import("./commands/controller-unit.ts")));
}

/** A command without an action of its own: it prints the help of those below it. */
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

/** Which file and environment name the service. */
function fromFile(command: Command): Command {
  return command
    .option("-f, --file <FILE>", "in place of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "one of the environments in kiln.yaml");
}

/** The same where `-f` says that the command shall go on as things happen. */
function following(command: Command): Command {
  return command
    .option("-f, --follow", "go on as things happen")
    .option("--file <FILE>", "in place of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "one of the environments in kiln.yaml");
}

/** What goes into a file that is never overwritten unasked. */
function intoFile(command: Command, summary: string): Command {
  return command.option("-o, --output <FILE>", summary).option("--force", "replace the file if it is there");
}
