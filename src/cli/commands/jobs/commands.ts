import type { Command } from "commander";
import { command, fromFile, group, type LoadCommand, reasonHelp, theOne } from "../../program/declare.ts";
import { parseRunNumber } from "../../program/numbers.ts";

export function addJobCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Jobs:");
  const job = group(program, "job", "list scheduled jobs and their runs, or run one now");
  fromFile(command(job, "ls", "list jobs with their last and next run", "kiln job ls"))
    .argument("[SERVICE]", "a service; default: the one in ./kiln.yaml, else all")
    .action(load(async () => (await import("./look.ts")).list));
  fromFile(command(job, "show", "print one run with its last output", "kiln job show 17 shop"))
    .argument("<RUN>", "the number of a run, as `kiln job ls` lists it", parseRunNumber)
    .argument("[SERVICE]", theOne)
    .action(load(async () => (await import("./look.ts")).show));
  command(
    job,
    "run",
    "run a job or a command now, and follow it",
    "kiln job run shop --job cleanup",
    "kiln job run shop -- /bin/shop export --all",
  )
    .argument("<SERVICE>", "the service whose serving release it runs with")
    .argument("[COMMAND...]", "the command to run, after `--`")
    .option("--job <NAME>", "a scheduled job of the service")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./run.ts")).run));
}
