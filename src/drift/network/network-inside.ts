import type { Subject } from "../../platform/linux/subject.ts";
import type { Difference } from "../checks/check.ts";
import { visit } from "./visits.ts";

/** The rules that each namespace begins with, ip-rule(8): `PRIORITY: from all lookup TABLE`. */
const kernelRules: ReadonlySet<string> = new Set([
  "0: from all lookup local",
  "32766: from all lookup main",
  "32767: from all lookup default",
]);

/** Packet filters in a server's network namespace: only a process that enters it can read them. Takes 6 ms of a processor. */
export async function lookAtFilters(subject: Subject, signal: AbortSignal): Promise<readonly Difference[]> {
  const found = await visit(subject, ["nft", "list", "tables"], signal);
  return strangeTables(found, subject.network?.tables);
}

/** Routing rules, likewise. Takes 12 ms of a processor; the kernel reports each that comes or goes. */
export async function lookAtRules(subject: Subject, signal: AbortSignal): Promise<readonly Difference[]> {
  const rules = await visit(subject, ["ip", "-4", "rule"], signal);
  const rules6 = await visit(subject, ["ip", "-6", "rule"], signal);
  return [...strangeRules(rules), ...strangeRules(rules6)];
}

/** `table FAMILY NAME`. `made`: those that Kiln makes in there. */
export function strangeTables(text: string, made: readonly string[] = []): readonly Difference[] {
  const found = linesOf(text);
  const difference = (table: string, how: string): Difference => ({
    kind: "network",
    subject: table,
    detail: `its network namespace ${how}`,
  });
  return [
    ...found
      .filter((table) => !made.includes(table))
      .map((table) => difference(table, `has a packet filter (nftables, ${table}) that Kiln did not make`)),
    ...made
      .filter((table) => !found.includes(table))
      .map((table) => difference(table, `has lost its packet filter (nftables, ${table})`)),
  ];
}

export function strangeRules(text: string): readonly Difference[] {
  return linesOf(text)
    .filter((rule) => !kernelRules.has(rule))
    .map((rule) => ruleDifference(rule, "has a routing rule that Kiln did not make"));
}

/** The same finding whichever detector finds it: `32765: from 192.0.2.1 lookup 77`. */
export function ruleDifference(rule: string, how: string): Difference {
  const detail = `its network namespace ${how}: ${rule}`;
  return { kind: "network", subject: `rule ${rule}`, detail };
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim().replace(/\s+/g, " ")]));
}
