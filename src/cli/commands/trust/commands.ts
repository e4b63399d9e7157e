import { type Command, Option } from "commander";
import { command, group, type LoadCommand, reasonHelp } from "../../program/declare.ts";

export function addTrustCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Trust:");
  const trust = group(program, "trust", "say whose signatures of images count, and where they are needed");
  command(trust, "ls", "list keys and image policies", "kiln trust ls").action(
    load(async () => (await import("./trust.ts")).list),
  );
  command(trust, "add", "trust a key", "kiln trust add release release.key.pub")
    .argument("<NAME>", "a name of your own, for `kiln trust require`")
    .argument("<FILE>", "the public key, in PEM")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).add));
  command(
    trust,
    "revoke",
    "trust a key no longer, for all that it has signed",
    'kiln trust revoke release --reason "the laptop was stolen"',
  )
    .argument("<NAME>", "a key, as in `kiln trust ls`")
    .requiredOption("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).revoke));
  command(
    trust,
    "require",
    "let only images run that one of these keys has signed",
    "kiln trust require release ci",
    "kiln trust require release --target north --mode warn",
  )
    .argument("<NAME...>", "keys, as in `kiln trust ls`; a signature by one of them is enough")
    .option("-t, --target <TARGET>", "only for this target; default: for all")
    .addOption(
      new Option("--mode <MODE>", "enforce: refuse other images; warn: deploy them with a warning")
        .choices(["enforce", "warn"])
        .default("enforce"),
    )
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).require));
  command(trust, "lift", "remove an image policy", "kiln trust lift", "kiln trust lift --target north")
    .option("-t, --target <TARGET>", "the policy of this target; default: the one for all")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./trust.ts")).lift));
}
