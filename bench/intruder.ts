import { spawn } from "node:child_process";
import { once } from "node:events";

/** When a change began, on the clock of `performance.now`; and how to end what it has started. */
export interface Change {
  readonly beganAt: Promise<number>;
  readonly end: () => void;
}

/** setns(2) */
const enterCall: Readonly<Record<string, number>> = { x64: 308, arm64: 268 };

/** A process enters the server with this first process. It reads the clock just before: starting it is not measured. */
export function enter(pid: number): Change {
  const script = `use Time::HiRes "clock_gettime"; open(N, "<", "/proc/${pid}/ns/uts") or die; $| = 1;
    $now = clock_gettime(1); syscall(${enterCall[process.arch]}, fileno(N), 0) == 0 or die; print $now; sleep 60`;
  const child = spawn("perl", ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const monotonicMs = once(child.stdout, "data").then(([text]) => Number(text) * 1000);
  const offsetMs = performance.now() - Number(process.hrtime.bigint()) / 1e6;
  return { beganAt: monotonicMs.then((at) => at + offsetMs), end: () => void child.kill("SIGKILL") };
}
