import { type Command, Option } from "commander";
import { roles } from "../../../domain/access/access.ts";
import { collected, command, group, type LoadCommand, reasonHelp } from "../../program/declare.ts";
import { parseDuration } from "../../program/numbers.ts";

export function addAccessCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Controllers over the network:");
  command(
    program,
    "login",
    "use a controller elsewhere, with an invite",
    "kiln login kiln1.kiln.example.com:7443.PIN.INVITE",
    "kiln login --name production - < invite",
  )
    .argument("<LOGIN>", "what `kiln access invite` printed there; -: read it from standard input")
    .option("--name <CONTEXT>", "what to call it here; default: the controller's host")
    .action(load(async () => (await import("./login.ts")).login));
  const context = group(program, "context", "say which controller commands use");
  command(context, "ls", "list the controllers that commands can use").action(
    load(async () => (await import("./context.ts")).list),
  );
  command(
    context,
    "use",
    "use another controller from now on",
    "kiln context use production",
    "kiln context use local",
  )
    .argument("<CONTEXT>", "a context, as in `kiln context ls`; local: this machine's own controller")
    .action(load(async () => (await import("./context.ts")).use));
  command(context, "rm", "forget a controller and its token")
    .argument("<CONTEXT>", "a context, as in `kiln context ls`")
    .action(load(async () => (await import("./context.ts")).remove));
  command(program, "whoami", "show who you are to the controller, and what you may do").action(
    load(async () => (await import("./who.ts")).whoami),
  );
  command(
    program,
    "can",
    "ask whether you may use an operation; exit code 3 if not",
    "kiln can deploy shop --env production",
  )
    .argument("<OPERATION>", "an operation, such as deploy, rollback or scale")
    .argument("[SERVICE]", "a service")
    .option("-e, --env <ENVIRONMENT>", "an environment of the service")
    .action(load(async () => (await import("./who.ts")).can));
  addAdministration(group(program, "access", "say who may use this controller over the network"), load);
}

function addAdministration(access: Command, load: LoadCommand): void {
  command(access, "ls", "list tokens, open invites and trust rules").action(
    load(async () => (await import("./access.ts")).list),
  );
  granting(
    command(
      access,
      "invite",
      "make an invite for `kiln login`, good once and for an hour",
      "kiln access invite ada --role deployer --service shop --environment production",
      "kiln access invite grace --role admin",
    ).argument("<NAME>", "whose access it is"),
  )
    .option(
      "--expires <DURATION>",
      "how long the token lasts, such as 30d; default: 90d, at most 366d",
      parseDuration,
    )
    .option(
      "--address <HOST:PORT>",
      "how the guest reaches this controller; default: its first name or address",
    )
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./access.ts")).invite));
  command(
    access,
    "revoke",
    "end access at once",
    'kiln access revoke ada --reason "left the team"',
    'kiln access revoke 4TgB2xQ9 --reason "the laptop was stolen"',
  )
    .argument("<WHO>", "a name: all its tokens and invites; or the id of one")
    .requiredOption("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./access.ts")).revoke));
  command(access, "rotate", "replace the token of this context; the old one ends a day later")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./login.ts")).rotate));
  command(
    access,
    "allow",
    "let requests over the network name a file or a URL that the controller reads, or services have a device",
    "kiln access allow '/etc/kiln/tls/*'",
    "kiln access allow https://prometheus.example.com/api",
    "kiln access allow /dev/ttyUSB0",
  )
    .argument("<PLACE>", "a path, in which * stands for any characters, or the beginning of a URL")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./places.ts")).allow));
  command(access, "disallow", "take that back; releases that name it stay as they are")
    .argument("<PLACE>", "as in `kiln access ls`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./places.ts")).disallow));
  addTrust(group(access, "trust", "say which pipelines get access, without a secret"), load);
}

function addTrust(trust: Command, load: LoadCommand): void {
  granting(
    command(
      trust,
      "add",
      "give pipelines of one repository access, for 15 minutes each",
      "kiln access trust add shop --github --claim repository_id=74 --claim environment=production --role deployer --service shop --environment production",
      "kiln access trust add shop --gitlab https://gitlab.example.com --private --claim project_id=7 --claim ref=main --role deployer",
    ).argument("<NAME>", "how the event log names these pipelines; a rule of this name is replaced"),
  )
    .option("--github [URL]", "GitHub Actions; URL: the issuer of a GitHub Enterprise Server")
    .option("--gitlab [URL]", "GitLab CI; URL: a GitLab of your own")
    .option("--issuer <URL>", "any other issuer of OpenID Connect tokens")
    .option(
      "--claim <NAME=VALUE>",
      "what its tokens must say; * stands for any characters; repeatable: other names must fit too, another value of the same name may",
      collected,
    )
    .option("--private", "the issuer is in a private network, or on the controller's machine")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).add));
  command(trust, "rm", "end the access of pipelines at once")
    .argument("<NAME>", "a trust rule, as in `kiln access ls`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).remove));
}

function granting(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--role <ROLE>",
        "viewer: look; deployer: also deploy and roll back; operator: also scale, secrets, data, drift; approver: look and approve; admin: everything",
      )
        .choices([...roles])
        .makeOptionMandatory(),
    )
    .option("--service <NAME>", "only for this service; * stands for any characters; repeatable", collected)
    .option(
      "--environment <NAME>",
      "only in this environment; - is a service without one; repeatable",
      collected,
    )
    .option("--break-glass", "may also begin rollouts against policies, with a reason");
}
