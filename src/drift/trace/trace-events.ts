import { linkIfThere, readIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Difference } from "../checks/check.ts";
import { isStranger, stranger } from "../checks/check-processes.ts";
import { culpritOf } from "../checks/culprit.ts";
import { judge, type NamespaceOwners, namespaceOwners, ownerOf } from "../checks/strangers.ts";
import { wasOurVisit } from "../network/visits.ts";
import type { TraceLine } from "./trace-line.ts";

/** What an event of the kernel makes a detector do; all details were looked up in /proc first. */
export interface TraceReactions {
  readonly tell: (subject: Subject, difference: Difference) => void;
  /** Compares mounts (of one server, or of all when the process that made them is gone), for what `pid` did. */
  readonly mounts: (subject: Subject | undefined, pid: number) => void;
  readonly processes: (subject: Subject) => void;
  readonly entered: (pid: number) => void;
  /**
   * Something may be left in the server's network namespace: a visitor is in it, or a process that changed namespaces lately
   * listens or changes packet filters (undefined: it may have entered and left any server's before Kiln could look).
   */
  readonly suspect: (subject: Subject | undefined) => void;
  readonly lost: () => void;
  /** Something may have been done to a server; it can no longer be found out. */
  readonly unclear: (reason: string) => void;
  /** Calls back when what happened at the same time has been read too. */
  readonly soon: (work: () => void) => void;
}

export interface TraceEvents {
  read(line: TraceLine): void;
  /** The servers that there are now. */
  learn(subjects: readonly Subject[]): void;
}

/** The server, and what to report if the call does not fail; or why its effect cannot be known. */
type Pending = readonly [Subject, Difference] | readonly [undefined, string];
type Arguments = ReadonlyMap<string, bigint>;

/** Calls that are followed to their end. */
const failing: ReadonlySet<string> = new Set(["ptrace", "process_vm_writev", "pidfd_getfd", "prlimit64"]);

const filterCalls: ReadonlySet<string> = new Set(["socket", "setsockopt"]);

/** The canary alone is one every five seconds: at least five minutes on a machine where no other program makes such calls. */
const mostVisitors = 64;

const takenUnseen =
  "a program took a file descriptor out of another one, and ended before Kiln could see out of which";

export function createTraceEvents(reactions: TraceReactions): TraceEvents {
  const { tell } = reactions;
  const machine = linkIfThere("/proc/self/ns/pid");
  let owners: NamespaceOwners = new Map();
  let byCgroup: ReadonlyMap<string, Subject> = new Map();
  /** What calls that have begun come to, by who makes them: the kernel reports the end only of calls that fail. */
  const pending = new Map<number, Pending>();
  /** Threads that changed namespaces last, newest last. */
  const visitors = new Set<number>();

  /** A process outside the machine's own namespace names processes by its own namespace's numbers; it does not come from outside. */
  function isElsewhere(pid: number): boolean {
    const link = linkIfThere(`/proc/${pid}/ns/pid`);
    return link !== undefined && link !== machine;
  }

  function enteredNamespace(pid: number): void {
    reactions.entered(pid);
    visitors.delete(pid);
    visitors.add(pid);
    for (const oldest of visitors) if (visitors.size > mostVisitors) visitors.delete(oldest);
    const judged = judge(pid, owners);
    if (!judged) return;
    tell(...judged);
    reactions.suspect(judged[0]);
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

  function settle(pid: number): void {
    const [subject, outcome] = pending.get(pid) ?? [];
    pending.delete(pid);
    if (typeof outcome === "string") reactions.unclear(outcome);
    else if (subject && outcome) tell(subject, outcome);
  }

  /** Packet filters are about to be changed. */
  function filters(pid: number): void {
    if (wasOurVisit(pid)) return;
    const subject = ownerOf(pid, owners, "net");
    if (subject === undefined || subject === "other") {
      if (visitors.has(pid)) reactions.suspect(undefined);
    } else if (isStranger(subject, pid)) reactions.suspect(subject);
  }

  /** A thread that begins another call has ended the one before, whose failure would have been reported. */
  function began({ pid, call, args }: TraceLine & { kind: "enter" }): void {
    settle(pid);
    const expected = expect(pid, call, args);
    if (!expected) return;
    pending.set(pid, expected);
    reactions.soon(() => {
      if (pending.get(pid) === expected) settle(pid);
    });
  }

  function expect(pid: number, call: string, args: Arguments): Pending | undefined {
    if (isElsewhere(pid)) return undefined;
    const target = call === "pidfd_getfd" ? pidBehind(pid, args) : Number(args.get("pid") ?? 0);
    if (target === undefined) return [undefined, takenUnseen];
    const subject = ownerOf(target, owners, "pid");
    if (subject === undefined || subject === "other" || isStranger(subject, target)) return undefined;
    return [subject, touched(pid, target, call, args)];
  }

  /** Programs may make themselves likelier to be ended; only root can make them less likely than Kiln asked for. */
  function spared(pid: number, target: number): void {
    const subject = ownerOf(target, owners, "pid");
    if (subject === undefined || subject === "other" || isElsewhere(pid)) return;
    const score = readIfThere(`/proc/${target}/oom_score_adj`)?.trim();
    if (score === undefined) return;
    const culprit = culpritOf(pid);
    if (culprit.uid === undefined && Number(score) >= 0) return;
    const name = `pid ${target} oom_score_adj`;
    const detail = `${name} was set to ${score} by pid ${pid} (${culprit.name})`;
    tell(subject, { kind: "limit", subject: name, detail, culprit });
  }

  function exited(pid: number, call: string): void {
    if (call === "setns") enteredNamespace(pid);
    else if (call === "listen") {
      if (visitors.has(pid)) reactions.suspect(undefined);
    } else if (failing.has(call)) failed(pid, call);
    else mounted(pid);
  }

  function failed(pid: number, call: string): void {
    const [subject] = pending.get(pid) ?? [];
    pending.delete(pid);
    // Of ptrace any other request may have failed, after one that did not.
    if (call === "ptrace" && subject) reactions.processes(subject);
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
      else if (line.kind === "enter" && filterCalls.has(line.call)) filters(line.pid);
      else if (line.kind === "enter") began(line);
      else if (line.kind === "oom") spared(line.pid, line.target);
      else {
        const subject = ownerOf(line.pid, owners, "pid");
        if (subject !== undefined && subject !== "other") reactions.processes(subject);
      }
    },
  };
}

function touched(pid: number, target: number, call: string, args: Arguments): Difference {
  const culprit = culpritOf(pid);
  const by = `by pid ${pid} (${culprit.name})`;
  const subject = `pid ${target}`;
  if (call === "prlimit64") {
    const name = `${subject} ${limitNames[Number(args.get("resource") ?? 0)] ?? "limit"}`;
    return { kind: "limit", subject: name, detail: `${name} was changed ${by}`, culprit };
  }
  const what = whatWasDone[call] ?? "was touched";
  return { kind: "traced", subject, detail: `${subject} ${what} ${by}`, culprit };
}

const whatWasDone: Readonly<Record<string, string>> = {
  ptrace: "is traced",
  process_vm_writev: "had its memory written",
  pidfd_getfd: "had a file descriptor taken out of it",
};

/** By their numbers of asm-generic/resource.h. */
const limitNames = (
  "RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK " +
  "RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME"
).split(" ");

/** Whose pidfd that is (pidfd_open(2), `Pid` of its fdinfo); undefined when the caller or its pidfd is gone. */
function pidBehind(pid: number, args: Arguments): number | undefined {
  const info = readIfThere(`/proc/${pid}/fdinfo/${Number(args.get("pidfd") ?? 0)}`);
  const found = /^Pid:\t(-?\d+)$/m.exec(info ?? "")?.[1];
  return found === undefined ? undefined : Number(found);
}
