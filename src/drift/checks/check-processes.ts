import { statSync } from "node:fs";
import { join } from "node:path";
import { parseMountLine } from "../../lib/files/mount-table.ts";
import { isEnding, linkIfThere, readIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { culpritOf } from "./culprit.ts";
import type { Check, Difference } from "./detector.ts";
import { descends, type ProcessStatus, readStatus } from "./process-tree.ts";

/** Looks at all processes of a server: whose they are, what they run, where they are and who traces or stops them. */
export interface ProcessCheck {
  readonly look: Check;
  /** Numbers of the processes that were in the server's cgroup at the last look. */
  members(subject: Subject): readonly number[];
}

/** What was right about a process at the last look: taking the same apart again costs more than reading it. */
interface Known {
  readonly program: string | undefined;
  readonly cgroups: string | undefined;
}

export function createProcessCheck(): ProcessCheck {
  const memory = new WeakMap<Subject, ReadonlyMap<number, Known | undefined>>();
  return {
    look(subject) {
      const before = memory.get(subject);
      const now = new Map<number, Known | undefined>();
      const differences = membersOf(subject).flatMap((pid) => {
        const { known, found } = checkProcess(subject, pid, before?.get(pid));
        now.set(pid, known);
        return found;
      });
      memory.set(subject, now);
      return [
        ...differences,
        ...checkNamespaces(subject, subject.process.pid, Object.keys(subject.baseline.namespaces)),
      ];
    },
    members: (subject) => [...(memory.get(subject)?.keys() ?? [])],
  };
}

/** Numbers of the processes in a server's cgroup. Of one hierarchy: a process that is missing in it, or only in another, is found by its namespaces. */
export function membersOf({ cgroupFolders }: Subject): readonly number[] {
  const folder = cgroupFolders.find((path) => path.includes("/freezer/")) ?? cgroupFolders[0];
  const text = folder === undefined ? undefined : readIfThere(join(folder, "cgroup.procs"));
  return (
    text
      ?.split("\n")
      .filter((line) => line !== "")
      .map(Number) ?? []
  );
}

function checkProcess(
  subject: Subject,
  pid: number,
  before: Known | undefined,
): { readonly known?: Known; readonly found: readonly Difference[] } {
  const status = readStatus(pid);
  if (!status || status.state === "Z") return { found: [] };
  if (!before && isStranger(subject, pid)) return { found: [stranger(pid, "its cgroup")] };
  const program = linkIfThere(`/proc/${pid}/exe`);
  const wrong =
    program === undefined || program === before?.program ? undefined : checkProgram(subject, pid, program);
  const cgroups = cgroupsOf(pid);
  const out =
    cgroups === undefined || cgroups === before?.cgroups ? undefined : checkCgroups(subject, pid, cgroups);
  return {
    known: { program: wrong ? undefined : program, cgroups: out ? undefined : cgroups },
    found: [
      ...(wrong ? [wrong] : []),
      ...(out ? [out] : []),
      ...checkTracer(pid, status),
      ...(pid === subject.process.pid
        ? checkStopped(pid, status)
        : checkNamespaces(subject, pid, ["mnt", "net", "user"])),
    ],
  };
}

/** Whether the process is not a descendant of the server's first one. */
export function isStranger({ process }: Subject, pid: number): boolean {
  return descends(pid, process.pid, (at) => readStatus(at)?.parent) === false;
}

export function stranger(pid: number, where: string): Difference {
  const culprit = culpritOf(pid);
  const detail = `pid ${pid} (${culprit.name}) came into ${where} from outside`;
  return { kind: "process", subject: `pid ${pid}`, detail, culprit };
}

/** In every hierarchy a server's processes are in its cgroup, or in one below: they cannot leave by themselves. */
export function outOfCgroup(subject: Subject, pid: number): Difference | undefined {
  const cgroups = cgroupsOf(pid);
  return cgroups === undefined ? undefined : checkCgroups(subject, pid, cgroups);
}

function cgroupsOf(pid: number): string | undefined {
  return readIfThere(`/proc/${pid}/cgroup`);
}

function checkCgroups({ cgroup, cgroupFolders }: Subject, pid: number, text: string): Difference | undefined {
  const paths = text.split("\n").map((line) => line.slice(line.indexOf(":", line.indexOf(":") + 1) + 1));
  const within = paths.filter((path) => path === cgroup || path.startsWith(`${cgroup}/`));
  if (within.length >= cgroupFolders.length || isEnding(pid)) return undefined;
  return { kind: "limit", subject: `pid ${pid}`, detail: `pid ${pid} was taken out of the server's cgroup` };
}

/** A server's programs are files of its image, or placed by Kiln: nothing else that it sees may be run from. */
function checkProgram(subject: Subject, pid: number, program: string): Difference | undefined {
  if (isImageFile(subject, pid, program)) return undefined;
  const detail = `pid ${pid} runs ${program}, which is not a file of its image`;
  return { kind: "program", subject: `pid ${pid}`, detail, culprit: culpritOf(pid) };
}

function isImageFile(subject: Subject, pid: number, program: string): boolean {
  const found = statSync(`/proc/${pid}/exe`, { throwIfNoEntry: false });
  if (!found) return true; // it has ended
  if (subject.baseline.programs?.includes(`${found.dev}:${found.ino}`)) return true;
  if (!program.startsWith("/") || mountPointOf(subject, program) !== "/") return false;
  const wanted = statSync(`/proc/${subject.process.pid}/root${program}`, { throwIfNoEntry: false });
  return wanted?.dev === found.dev && wanted.ino === found.ino;
}

function mountPointOf({ baseline }: Subject, path: string): string {
  const points = baseline.mounts.map((line) => parseMountLine(line).point);
  const above = points.filter(
    (point) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`),
  );
  return above.reduce((longest, point) => (point.length > longest.length ? point : longest), "");
}

function checkTracer(pid: number, { tracer }: ProcessStatus): readonly Difference[] {
  if (tracer === 0) return [];
  const culprit = culpritOf(tracer);
  const detail = `pid ${pid} is traced by pid ${tracer} (${culprit.name})`;
  return [{ kind: "traced", subject: `pid ${pid}`, detail, culprit }];
}

/** No process within can stop the first one: its own namespace's signals reach it only if it handles them (pid_namespaces(7)). */
function checkStopped(pid: number, { state }: ProcessStatus): readonly Difference[] {
  if (state !== "T") return [];
  return [{ kind: "paused", subject: `pid ${pid}`, detail: "its first process is stopped" }];
}

function checkNamespaces(
  { baseline }: Subject,
  pid: number,
  kinds: readonly string[],
): readonly Difference[] {
  return kinds.flatMap((kind) => {
    const now = linkIfThere(`/proc/${pid}/ns/${kind}`);
    if (now === undefined || now === baseline.namespaces[kind]) return [];
    const detail = `pid ${pid} is in another ${kind} namespace than its server`;
    return [{ kind: "namespace", subject: `pid ${pid} ${kind}`, detail }];
  });
}
