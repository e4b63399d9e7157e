import type { Command } from "commander";
import { command, group, intoFile, type LoadCommand, reasonHelp } from "../../program/declare.ts";

export function addDriftCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Changed servers:");
  command(
    program,
    "drift",
    "list servers that differ from their releases; exit code 1 if any does",
    "kiln drift",
    "kiln drift shop",
    "kiln drift shop-3-1-1 --json",
    "kiln drift --watch",
  )
    .argument("[SERVER|SERVICE]", "one server, or all servers of a service; default: all servers")
    .option("-i, --inspect", "check every server again first")
    .option("-w, --watch", "keep printing differences as they are found")
    .action(load(async () => (await import("./drift.ts")).run));
  const evidence = group(program, "evidence", "show and export the evidence of quarantined servers");
  command(evidence, "ls", "list the kept evidence", "kiln evidence ls").action(
    load(async () => (await import("./evidence.ts")).list),
  );
  command(evidence, "show", "print processes, mounts and the last log lines", "kiln evidence show shop-3-1-1")
    .argument("<SERVER>", "a server, as in `kiln evidence ls`")
    .action(load(async () => (await import("./evidence.ts")).show));
  intoFile(
    command(
      evidence,
      "export",
      "write all evidence of a server as a tar archive",
      "kiln evidence export shop-3-1-1 --output case.tar",
      "kiln evidence export shop-3-1-1 --output - | tar t",
    ),
    "the file to write, instead of ./SERVER.tar; `-` is standard output",
  )
    .argument("<SERVER>", "a server, as in `kiln evidence ls`")
    .action(load(async () => (await import("./evidence.ts")).exportArchive));
  command(
    program,
    "exec",
    "run a command in a server, which taints and replaces it",
    'kiln exec shop-3-1-1 --reason "hangs since noon" -- sh',
    "kiln exec shop-3-1-1 -r KILN-7 -- cat /proc/1/status",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .argument("<COMMAND...>", "the command to run, after `--`")
    .option("-r, --reason <TEXT>", "the reason, for the log; on a terminal Kiln asks for it")
    .action(load(async () => (await import("./exec.ts")).run));
  const server = group(program, "server", "reproduce or destroy one server");
  command(
    server,
    "reproduce",
    "start a copy of this server for inspection, without traffic",
    "kiln server reproduce shop-3-1-1",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./server.ts")).reproduce));
  command(
    server,
    "destroy",
    "destroy a server that is kept in quarantine, or a reproduction",
    "kiln server destroy shop-3-1-1",
  )
    .argument("<SERVER>", "a server, as in `kiln servers`")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./server.ts")).destroy));
}
