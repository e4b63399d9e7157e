import { readdirSync } from "node:fs";
import { linkIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { isOurVisit } from "../network/visits.ts";
import type { Difference } from "./check.ts";
import { isStranger, outOfCgroup, stranger } from "./check-processes.ts";

/** The kind most likely to reveal a visitor first. */
const kinds = ["mnt", "pid", "net", "uts", "ipc", "cgroup", "user", "pid_for_children"] as const;

/** Whose a namespace is: the servers' own ones, not those that they share with the machine. */
export type NamespaceOwners = ReadonlyMap<string, Subject>;

export function namespaceOwners(subjects: readonly Subject[]): NamespaceOwners {
  const machine = new Set(kinds.map((kind) => linkIfThere(`/proc/self/ns/${kind}`)));
  return new Map(
    subjects.flatMap((subject) =>
      Object.values(subject.baseline.namespaces)
        .filter((link) => !machine.has(link))
        .map((link) => [link, subject] as const),
    ),
  );
}

/**
 * What it means that a process (or thread) is in a namespace of a server: nothing, or that it came in from outside, or
 * that it is one of the server's and was taken out of its cgroup. Undefined when it is in none, or has ended.
 */
export function judge(pid: number, owners: NamespaceOwners): readonly [Subject, Difference] | undefined {
  if (isOurVisit(pid)) return undefined;
  for (const kind of kinds) {
    const link = linkIfThere(`/proc/${pid}/ns/${kind}`);
    if (link === undefined) return undefined;
    const subject = owners.get(link);
    if (!subject) continue;
    if (subject.isExpected?.(pid)) return undefined;
    if (isStranger(subject, pid)) return [subject, stranger(pid, `its ${kind.replace(/_.*/, "")} namespace`)];
    const gone = outOfCgroup(subject, pid);
    return gone && [subject, gone];
  }
  return undefined;
}

/** Whose namespace of that kind a process is in; undefined when it is gone. */
export function ownerOf(
  pid: number,
  owners: NamespaceOwners,
  kind: "mnt" | "pid" | "net",
): Subject | "other" | undefined {
  const link = linkIfThere(`/proc/${pid}/ns/${kind}`);
  return link === undefined ? undefined : (owners.get(link) ?? "other");
}

/** Numbers of all processes of the machine. */
export function allProcesses(): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0);
}
