import type { Command } from "commander";
import { command, group, type LoadCommand, reasonHelp } from "../../program/declare.ts";
import { parsePair } from "../../program/numbers.ts";

export function addTargetCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Targets:");
  const target = group(program, "target", "add, list or remove targets: the places where services run");
  command(
    target,
    "add",
    "add a target; its platform says which options it takes",
    "kiln target add north --platform docker --option socket=/run/docker.sock",
  )
    .argument("<NAME>", "a name of your own, for `target` in kiln.yaml")
    .requiredOption("-p, --platform <PLATFORM>", "the kind of place")
    .option("-o, --option <NAME=VALUE>", "what the platform needs to know; may be repeated", parsePair)
    .option("--module <FOLDER>", "the Terraform module of the platform terraform")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./target.ts")).add));
  command(target, "ls", "list the targets and the services on them", "kiln target ls").action(
    load(async () => (await import("./target.ts")).list),
  );
  command(target, "show", "show a target, and what it lacks", "kiln target show local")
    .argument("<NAME>", "a target, as in `kiln target ls`")
    .action(load(async () => (await import("./target.ts")).show));
  command(target, "rm", "remove a target that has no services", "kiln target rm north")
    .argument("<NAME>", "a target, as in `kiln target ls`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./target.ts")).remove));
}
