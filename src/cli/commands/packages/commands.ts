import type { Command } from "commander";
import { command, group, type LoadCommand } from "../../program/declare.ts";

export function addPackageCommands(program: Command, load: LoadCommand): void {
  const packages = group(program, "packages", "check Debian packages before they are named in kiln.yaml");
  command(
    packages,
    "check",
    "say whether a slim image can hold packages, without downloading them",
    "kiln packages check nginx",
    "kiln packages check postgresql-15 cron --suite bookworm",
  )
    .argument("<NAME...>", "packages, as in `image.packages`: `name` or `name=version`")
    .option("--suite <SUITE>", "the suite of Debian", "bookworm")
    .action(load(async () => (await import("./check.ts")).run));
}
