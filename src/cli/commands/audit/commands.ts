import type { Command } from "commander";
import {
  collected,
  command,
  described,
  group,
  intoFile,
  type LoadCommand,
  reasonHelp,
} from "../../program/declare.ts";
import { parseSince, parseTail } from "../../program/numbers.ts";

export function addAuditCommands(program: Command, load: LoadCommand): void {
  program.commandsGroup("Audit:");
  const audit = group(program, "audit", "print and verify the log of all events");
  described(
    audit.command("log", { isDefault: true }),
    "print events; `kiln audit` alone does the same",
    "kiln audit --since 2h",
    "kiln audit --subject shop-3-1-1 --tail all",
    "kiln audit -f --json",
  )
    .option("-s, --subject <SUBJECT>", "only events of this service or server")
    .option("--since <TIME>", "only events since: 2h, 3d, 2026-05-01, 2026-05-01T08:00Z", parseSince)
    .option("-n, --tail <N>", "only the newest N, or `all`; default: 100 without --since", parseTail)
    .option("-f, --follow", "keep printing as events happen")
    .action(load(async () => (await import("./log.ts")).run));
  command(
    audit,
    "verify",
    "replay the log and report the first altered entry",
    "kiln audit verify",
    "kiln audit verify --checkpoint monday.json --key kiln.pub",
  )
    .option(
      "-c, --checkpoint <FILE>",
      "a checkpoint from `kiln audit checkpoint`; may be repeated",
      collected,
    )
    .option("-k, --key <FILE>", "public keys that you trust, in PEM; may be repeated", collected)
    .action(load(async () => (await import("./verify.ts")).run));
  command(
    audit,
    "accept",
    "record that the problems of the log are known, and their reason",
    'kiln audit accept --reason "restored from the backup of Monday"',
  )
    .option("-r, --reason <TEXT>", "the reason, for the log; on a terminal Kiln asks for it")
    .option("-c, --checkpoint <FILE>", "as for `kiln audit verify`", collected)
    .option("-k, --key <FILE>", "as for `kiln audit verify`", collected)
    .action(load(async () => (await import("./accept.ts")).run));
  intoFile(
    command(audit, "checkpoint", "sign the log as it is now", "kiln audit checkpoint --output monday.json"),
    "the file to write; `-` is standard output",
  ).action(load(async () => (await import("./export.ts")).checkpoint));
  intoFile(
    command(
      audit,
      "export",
      "print the log as lines that anyone can verify",
      "kiln audit export --output log.jsonl",
    ),
    "the file to write; `-` is standard output",
  ).action(load(async () => (await import("./export.ts")).exportLog));
  command(audit, "key", "print the public key that verifies checkpoints", "kiln audit key > kiln.pub").action(
    load(async () => (await import("./key.ts")).print),
  );
  command(audit, "rotate", "sign with a new key from now on")
    .option("--reason <TEXT>", reasonHelp)
    .action(load(async () => (await import("./key.ts")).rotate));
}
