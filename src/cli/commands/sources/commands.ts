import { type Command, Option } from "commander";
import { command, group, type LoadCommand, reasonHelp } from "../../program/declare.ts";
import { parseInterval } from "../../program/numbers.ts";

const theService = "the service that follows it, as in `kiln source ls`";
const whichEnvironment = "the environment of the service";

export function addSourceCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Git repositories:");
  const source = group(program, "source", "let the controller deploy what a git repository has");
  command(source, "ls", "list services that follow a repository", "kiln source ls").action(
    load(async () => (await import("./source.ts")).list),
  );
  command(
    source,
    "add",
    "deploy each new commit of a branch from now on",
    "kiln source add shop --git https://git.example.com/acme/shop.git",
    "kiln source add shop --env production --git URL --branch main --path deploy --verify allowed_signers",
  )
    .argument("<SERVICE>", "the service, as kiln.yaml in the repository names it")
    .requiredOption("--git <URL>", "https:// or ssh://, without a password")
    .option("-e, --env <ENVIRONMENT>", "an environment of kiln.yaml")
    .option("--branch <BRANCH>", "the branch to follow", "main")
    .option("--path <FOLDER>", "the folder of kiln.yaml in the repository", ".")
    .addOption(
      new Option("--interval <DURATION>", "how often to look, at least 10s")
        .argParser(parseInterval)
        .default(60_000, "1m"),
    )
    .option("--credentials <FILE>", "on the controller's machine: a token for https, a private key for ssh")
    .option("--known-hosts <FILE>", "on the controller's machine: the keys of the host, for ssh")
    .option("--verify <FILE>", "deploy only commits that one of these allowed signers has signed with ssh")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./source.ts")).add));
  command(source, "show", "show one, with its last commit and its last error", "kiln source show shop")
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .action(load(async () => (await import("./source.ts")).show));
  command(source, "sync", "look at the repository now", "kiln source sync shop")
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--no-wait", "do not wait for what comes of it")
    .option("--force", "also a commit that was deployed before, and a branch that was rewritten")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./source.ts")).sync));
  command(source, "hold", "deploy nothing from the repository until `resume`", "kiln source hold shop")
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./source.ts")).hold));
  command(
    source,
    "resume",
    "follow the repository again, after a hold or a rollback",
    "kiln source resume shop",
  )
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./source.ts")).resume));
  addWebhook(
    group(source, "webhook", "let the forge report pushes, so that the controller looks at once"),
    load,
  );
  command(source, "rm", "no longer follow the repository; what serves stays", "kiln source rm shop")
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./source.ts")).remove));
}

function addWebhook(webhook: Command, load: LoadCommand): void {
  command(
    webhook,
    "add",
    "make a webhook: a URL and a secret to enter at the forge",
    "kiln source webhook add shop --env production",
  )
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option(
      "--address <HOST:PORT>",
      "how the forge reaches this controller; default: its first name or address",
    )
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).add));
  command(
    webhook,
    "rotate",
    "give the webhook another secret; for a day both count",
    "kiln source webhook rotate shop",
  )
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).rotate));
  command(
    webhook,
    "rm",
    "remove the webhook; pushes are seen at the next look",
    "kiln source webhook rm shop",
  )
    .argument("<SERVICE>", theService)
    .option("-e, --env <ENVIRONMENT>", whichEnvironment)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./webhook.ts")).remove));
}
