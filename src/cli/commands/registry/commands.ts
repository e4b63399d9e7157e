import type { Command } from "commander";
import { command, group, type LoadCommand } from "../../program/declare.ts";

export function addRegistryCommands(program: Command, load: LoadCommand): void {
  const registry = group(program, "registry", "log in to registries, with the files of Docker");
  command(
    registry,
    "login",
    "check and store the credentials for a registry",
    "kiln registry login registry.example --username ann < token",
    "pass registry | kiln registry login registry.example:5000 --username ann",
  )
    .argument("<HOST>", "the registry, such as registry.example or http://127.0.0.1:5000")
    .requiredOption("-u, --username <NAME>", "the user; the password comes from standard input")
    .action(load(async () => (await import("./registry.ts")).login));
  command(
    registry,
    "logout",
    "remove the credentials for a registry",
    "kiln registry logout registry.example",
  )
    .argument("<HOST>", "the registry, as for login")
    .action(load(async () => (await import("./registry.ts")).logout));
  command(registry, "ls", "list registries whose credentials are stored", "kiln registry ls").action(
    load(async () => (await import("./registry.ts")).list),
  );
}
