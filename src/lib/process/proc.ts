import { readFileSync, readlinkSync } from "node:fs";
import { isErrno } from "../errors.ts";

/** Identifies a process, so that a later one with the same number is not mistaken for it. */
export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks after boot: field 22 of /proc/PID/stat, proc(5). */
  readonly startTicks: number;
}

/** The process with this number as it is now, or undefined when there is none or only its zombie. */
export function findProcess(pid: number): ProcessRef | undefined {
  const fields = statOf(pid);
  if (!fields || fields[0] === "Z" || fields[0] === "X") return undefined;
  return { pid, startTicks: Number(fields[19]) };
}

/** PF_EXITING of include/linux/sched.h, one of the flags in field 9 of /proc/PID/stat. */
const exiting = 0x4;

/** Whether the process has ended, or has begun to: then it leaves its cgroups before it is a zombie. */
export function isEnding(pid: number): boolean {
  const flags = statOf(pid)?.[6];
  return flags === undefined || (Number(flags) & exiting) !== 0;
}

/**
 * Whether the process has had a processor; true where the kernel does not count that. A process that was just forked is in
 * sight before it is in its parent's cgroup, and runs only then: copy_process of kernel/fork.c.
 */
export function hasRun(pid: number): boolean {
  return turnsOf(pid) !== "0" || turnsOf("self") === "0";
}

/** How often it was given a processor: field 3 of /proc/PID/schedstat, Documentation/scheduler/sched-stats.rst. */
function turnsOf(pid: number | "self"): string | undefined {
  return readIfThere(`/proc/${pid}/schedstat`)?.trim().split(" ")[2];
}

/** The fields of /proc/PID/stat from the third on; the second may hold anything. */
function statOf(pid: number): readonly string[] | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

export function isAlive(process: ProcessRef): boolean {
  return findProcess(process.pid)?.startTicks === process.startTicks;
}

/**
 * Whether a process with this id exists and has not ended; a process of another user counts too. One that has ended stays as a zombie
 * until its parent waits for it, which some first processes of containers never do.
 */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // signal 0 only checks: kill(2)
  } catch (error) {
    if (!isErrno(error, "EPERM")) return false;
  }
  return statOf(pid)?.[0] !== "Z";
}

/** Reads a file of the kernel: the files of a process or a cgroup vanish with it, before or while they are read. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/**
 * The target of a symbolic link below /proc; undefined when its process is gone, has no such link, or has more rights
 * than this one, which forbids access (ptrace(2), access mode checking).
 */
export function linkIfThere(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isGone(error) || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}

/**
 * Whether a file below /proc could not be read because its process is gone. EINVAL: the mount table of a process that has
 * ended but is not yet reaped.
 */
export function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "ENODEV", "EINVAL"].some((code) => isErrno(error, code));
}
