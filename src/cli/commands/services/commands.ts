import { type Command, Option } from "commander";
import { command, following, fromFile, type LoadCommand, theOne } from "../../program/declare.ts";
import { parseSince, parseTail, parseText, parseTimeout } from "../../program/numbers.ts";

export function addServiceCommands(program: Command, load: LoadCommand): void {
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
    .action(load(async () => (await import("./status.ts")).run));
  fromFile(
    command(
      program,
      "wait",
      "wait until a service is ready, its rollout is over, or it is removed",
      "kiln wait shop",
      "kiln wait shop --for rollout --timeout 30m",
    ),
  )
    .argument("[SERVICE]", theOne)
    .addOption(
      new Option("--for <STATE>", "for which state")
        .choices(["ready", "rollout", "removed"])
        .default("ready"),
    )
    .addOption(
      new Option("--timeout <DURATION>", "how long at most, such as 30s or 5m")
        .argParser(parseTimeout)
        .default(600_000, "10m"),
    )
    .action(load(async () => (await import("./wait.ts")).run));
  fromFile(command(program, "servers", "list servers", "kiln servers", "kiln servers shop --json"))
    .argument("[SERVICE]", oneOrAll)
    .action(load(async () => (await import("./servers.ts")).run));
  fromFile(
    command(
      program,
      "top",
      "show what servers use and answer, live on a terminal",
      "kiln top",
      "kiln top shop --json",
    ),
  )
    .argument("[SERVICE]", oneOrAll)
    .action(load(async () => (await import("./top.ts")).run));
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
    .action(load(async () => (await import("./history.ts")).run));
  fromFile(
    command(
      program,
      "figures",
      "show how services are delivered and run, from the event log",
      "kiln figures",
      "kiln figures shop --since 30d --explain",
    ),
  )
    .argument("[SERVICE]", oneOrAll)
    .option("--since <TIME>", "from when: 30d, 2026-05-01; default: 90 days ago", parseSince)
    .option("--explain", "print each definition, and the numbers of the events it was computed from")
    .action(load(async () => (await import("./figures.ts")).run));
  following(
    command(
      program,
      "logs",
      "print the output of servers and jobs",
      "kiln logs -f",
      "kiln logs --tail 20 shop",
      "kiln logs shop db --since 10m --grep error",
      "kiln logs --all -f",
      "kiln logs shop-3-1-1",
      "kiln logs --job migrate",
      "kiln logs --access -f shop",
    ),
  )
    .argument(
      "[SERVER|SERVICE...]",
      "servers, or all servers of services; default: the service in ./kiln.yaml, else all",
    )
    .option("--all", "every service")
    .option(
      "-n, --tail <N>",
      "the last N lines of each server, or `all`; default: 100, with --since or --grep all",
      parseTail,
    )
    .option("--since <TIME>", "only lines from then on: 10m, 2h, 2026-05-01T08:00Z", parseSince)
    .option("--grep <TEXT>", "only lines that contain this text", parseText)
    .option("--job <NAME>", "only the last run of this job")
    .addOption(
      new Option("--access", "the requests that the router has passed to a service").conflicts([
        "job",
        "all",
        "since",
        "grep",
      ]),
    )
    .option("-t, --timestamps", "print the time of each line")
    .action(load(async () => (await import("./logs.ts")).run));
}
