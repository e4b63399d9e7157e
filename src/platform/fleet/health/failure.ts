import type { HostServer } from "../host.ts";

/** `0.2 s`, `45 s`, `5 min`. */
export function durationWords(ms: number): string {
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return `${Math.round(ms / 6000) / 10} min`;
}

/** How a server's process ended, as the end of a sentence whose subject is the server. */
export function exitWords(exit: HostServer["exit"], sinceMs: number): string {
  if (exit === undefined) return "disappeared from its host";
  const after = `after ${durationWords(Math.max(0, exit.atMs - sinceMs))}`;
  if (exit.oomKilled) return `was ended by the kernel ${after}: it used more memory than it may`;
  if (exit.code === undefined) return `ended ${after}; its exit code is not known`;
  return `exited with code ${exit.code}${signalWords(exit.code)} ${after}`;
}

/** Shells and runtimes report a death by signal n as 128 + n. */
function signalWords(code: number): string {
  const names: Readonly<Record<number, string>> = { 134: "ABRT", 137: "KILL", 139: "SEGV", 143: "TERM" };
  const name = names[code];
  return name === undefined ? "" : ` (SIG${name})`;
}

export function overdueWords(deadlineMs: number, lastResult: string | undefined): string {
  return `was not ready within ${durationWords(deadlineMs)}${lastResult ? `: ${lastResult}` : ""}`;
}

/** The words of programs, shells and runtimes for EACCES and EPERM. */
const refused = /permission denied|operation not permitted|EACCES|EPERM/i;

/** The rest of a sentence about an end, where the last lines speak of a refused permission; empty elsewhere. */
export function refusalWords(logTail: readonly string[], user: HostServer["user"]): string {
  if (user === undefined || !logTail.some((line) => refused.test(line))) return "";
  const without = user.uid === 0 ? ", without capabilities" : "";
  return `; it was refused a permission: it runs as uid ${user.uid} and gid ${user.gid}${without} (\`image.user\`)`;
}
