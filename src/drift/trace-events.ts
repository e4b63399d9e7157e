import type { Subject } from "../platform/platform.ts";
import { isStranger, stranger } from "./check-processes.ts";
import { culpritOf } from "./culprit.ts";
import type { Difference } from "./detector.ts";
import { judge, type NamespaceOwners, namespaceOwners, ownerOf } from "./strangers.ts";
import type { TraceLine } from "./trace-line.ts";

/** What an event of the kernel makes a detector do; all that is told was looked up in /proc first. */
export interface TraceReactions {
  readonly tell: (subject: Subject, difference: Difference) => void;
  /** Compares mounts (of one server, or of all when whoever did it is gone), for what `pid` did. */
  readonly mounts: (subject: Subject | undefined, pid: number) => void;
  readonly processes: (subject: Subject) => void;
  readonly entered: (pid: number) => void;
  readonly lost: () => void;
  /** Calls back when what happened at the same time has been read too. */
  readonly soon: (work: () => void) => void;
}

export interface TraceEvents {
  read(line: TraceLine): void;
  /** The servers that there are now. */
  learn(subjects: readonly Subject[]): void;
}

export function createTraceEvents(reactions: TraceReactions): TraceEvents {
  const { tell } = reactions;
  let owners: NamespaceOwners = new Map();
  let byCgroup: ReadonlyMap<string, Subject> = new Map();
  /** Calls that have begun, by who makes them: the kernel tells only of those that fail how they end. */
  const pending = new Map<number, readonly [Subject, Difference]>();

  function enteredNamespace(pid: number): void {
    reactions.entered(pid);
    const judged = judge(pid, owners);
    if (judged) tell(...judged);
  }

  function attached(pid: number, cgroup: string): void {
    const subject =
      byCgroup.get(cgroup) ?? [...byCgroup].find(([path]) => cgroup.startsWith(`${path}/`))?.[1];
    const judged = judge(pid, owners);
    if (judged) tell(...judged);
    else if (subject && isStranger(subject, pid)) tell(subject, stranger(pid, "its cgroup"));
  }

  function mounted(pid: number): void {
    const namespace = ownerOf(pid, owners, "mnt");
    if (namespace !== "other") reactions.mounts(namespace, pid);
  }

  /** The call is made by a process of this machine, so its argument is a number of this machine. */
  function touched(pid: number, call: string, target: number): void {
    const subject = ownerOf(target, owners, "pid");
    if (subject === undefined || subject === "other") return;
    const culprit = culpritOf(pid);
    const what = call === "ptrace" ? "is traced by" : "had its memory written by";
    const detail = `pid ${target} ${what} pid ${pid} (${culprit.name})`;
    pending.set(pid, [subject, { kind: "traced", subject: `pid ${target}`, detail, culprit }]);
    reactions.soon(() => {
      const still = pending.get(pid);
      if (still && pending.delete(pid)) tell(...still);
    });
  }

  function exited(pid: number, call: string): void {
    if (call === "setns") enteredNamespace(pid);
    else if (call === "ptrace" || call === "process_vm_writev") pending.delete(pid);
    else mounted(pid);
  }

  return {
    learn(subjects) {
      owners = namespaceOwners(subjects);
      byCgroup = new Map(subjects.map((subject) => [subject.cgroup, subject]));
    },
    read(line) {
      if (line.kind === "lost") reactions.lost();
      else if (line.kind === "exit") exited(line.pid, line.call);
      else if (line.kind === "attach") attached(line.attached, line.cgroup);
      else if (line.kind === "enter") touched(line.pid, line.call, Number(line.args.get("pid") ?? 0));
      else {
        const subject = ownerOf(line.pid, owners, "pid");
        if (subject !== undefined && subject !== "other") reactions.processes(subject);
      }
    },
  };
}
