import { statSync } from "node:fs";
import { join } from "node:path";
import { parseMountLine } from "../../lib/files/mount-table.ts";
import { hasRun, isEnding, linkIfThere, readIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check, Difference } from "./check.ts";
import { culpritOf } from "./culprit.ts";
import { descends, type ProcessStatus, readStatus } from "./process-tree.ts";
import { type Program, programOf } from "./program.ts";

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

/** What /proc showed of one thing, when that is right. */
interface Look {
  readonly right?: string | undefined;
  readonly found: readonly Difference[];
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
  const program = checkProgram(subject, pid, before?.program);
  const cgroups = checkCgroups(subject, pid, before?.cgroups);
  return {
    known: { program: program.right, cgroups: cgroups.right },
    found: [
      ...program.found,
      ...cgroups.found,
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
  const named = culprit.name === "" ? "" : ` (${culprit.name})`; // one that has ended has none
  const detail = `pid ${pid}${named} came into ${where} from outside`;
  return { kind: "process", subject: `pid ${pid}`, detail, culprit };
}

/** In every hierarchy a server's processes are in its cgroup, or in one below: they cannot leave by themselves. */
export function outOfCgroup(subject: Subject, pid: number): Difference | undefined {
  return checkCgroups(subject, pid, undefined).found[0];
}

function cgroupsOf(pid: number): string | undefined {
  return readIfThere(`/proc/${pid}/cgroup`);
}

function checkCgroups(subject: Subject, pid: number, before: string | undefined): Look {
  const now = cgroupsOf(pid);
  if (now === undefined || now === before || isWithin(subject, now)) return { right: now, found: [] };
  // It may just be on its way in. Once it has run it is there, so only what is read after that counts.
  const settled = hasRun(pid) ? cgroupsOf(pid) : undefined;
  if (settled === undefined || isWithin(subject, settled) || isEnding(pid)) return { found: [] };
  const detail = `pid ${pid} was taken out of the server's cgroup`;
  return { found: [{ kind: "limit", subject: `pid ${pid}`, detail }] };
}

function isWithin({ cgroup, cgroupFolders }: Subject, text: string): boolean {
  const paths = text.split("\n").map((line) => line.slice(line.indexOf(":", line.indexOf(":") + 1) + 1));
  const within = paths.filter((path) => path === cgroup || path.startsWith(`${cgroup}/`));
  return within.length >= cgroupFolders.length;
}

/** A server's programs are files of its image, or placed by Kiln: nothing else that it sees may be run from. */
function checkProgram(subject: Subject, pid: number, before: string | undefined): Look {
  if (before !== undefined && linkIfThere(`/proc/${pid}/exe`) === before) return { right: before, found: [] };
  const program = programOf(pid);
  if (program === undefined || isImageFile(subject, program)) return { right: program?.path, found: [] };
  // A first process that ends lets go of its root before the kernel ends the others (do_exit of kernel/exit.c): nothing is found there.
  if (isEnding(subject.process.pid)) return { found: [] };
  const { path } = program;
  const detail = `pid ${pid} runs ${path}, which is not a file of its image`;
  const culprit = { ...culpritOf(pid), executable: path };
  return { found: [{ kind: "program", subject: `pid ${pid}`, detail, culprit }] };
}

function isImageFile(subject: Subject, { path, device, inode }: Program): boolean {
  if (subject.baseline.programs?.includes(`${device}:${inode}`)) return true;
  if (!path.startsWith("/") || mountPointOf(subject, path) !== "/") return false;
  const wanted = statSync(`/proc/${subject.process.pid}/root${path}`, { throwIfNoEntry: false });
  return wanted?.dev === device && wanted.ino === inode;
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
