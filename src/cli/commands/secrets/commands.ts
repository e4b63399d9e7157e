import type { Command } from "commander";
import { command, fromFile, group, type LoadCommand, reasonHelp, theOne } from "../../program/declare.ts";

export function addSecretCommands(program: Command, load: LoadCommand): void {
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
    .action(load(async () => (await import("./secret.ts")).set));
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
    .action(load(async () => (await import("./secret.ts")).list));
  fromFile(
    command(secret, "rm", "remove a secret that no kept release uses", "kiln secret rm DB_PASSWORD shop"),
  )
    .argument("<NAME>", "the name, as in kiln.yaml")
    .argument("[SERVICE]", theOne)
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./secret.ts")).remove));
}
