import { readdirSync, readFileSync } from "node:fs";
import { isErrno } from "../../lib/errors.ts";
import { isAlive, type ProcessRef, readIfThere } from "../../lib/process/proc.ts";

/** Changes with every start of the machine: random(4). */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/** When the machine was started (Unix time in ms): `btime` of /proc/stat, proc(5). */
export function bootedAtMs(): number {
  return Number(/^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1] ?? 0) * 1000;
}

/** Whether it still waits for `runc start`, which makes another program of it. */
export function isRuncInit({ pid }: ProcessRef): boolean {
  return readIfThere(`/proc/${pid}/cmdline`)?.split("\0")[1] === "init";
}

/** Sends a signal, unless the process has ended. `signal` is a number: images may name real-time signals. */
export function signalProcess(target: ProcessRef, signal: number): void {
  if (isAlive(target)) kill(target.pid, signal);
}

/** Numbers of all processes that have `argument` as one of theirs. */
export function processesWithArgument(argument: string): readonly number[] {
  return commandLines().flatMap(({ pid, argv }) => (argv.includes(argument) ? [pid] : []));
}

/** Programs that mount for us: mounts.ts. */
const mounting = new Set<string | undefined>(["mount", "umount", "perl"]);

/** Whether one of them is at work below the folder, by whomever it was started. */
export function isMounting(folder: string): boolean {
  return commandLines().some(
    ({ argv: [program, ...rest] }) =>
      mounting.has(program) && rest.some((part) => part.startsWith(`${folder}/`)),
  );
}

function commandLines(): readonly { readonly pid: number; readonly argv: readonly string[] }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid: Number(pid), argv: readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [] }));
}

/** SIGKILL; a process that has just ended is not an error. */
export function killNow(pid: number): void {
  kill(pid, 9);
}

function kill(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
