import { exec } from "../../lib/process/exec.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { readStatus } from "../checks/process-tree.ts";

/** Events of the kernel about one that has ended are read within this time. */
const rememberedMs = 2_000;

const visits = new Set<number>();

/** Runs a program in a server's network namespace and resolves to what it wrote; this visit is not reported. */
export async function visit(
  { process }: Subject,
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<string> {
  let visitor = 0;
  const started = (pid: number) => {
    visitor = pid;
    visits.add(pid);
  };
  try {
    const enter = ["nsenter", `--net=/proc/${process.pid}/ns/net`, ...argv] as const;
    return (await exec([...enter], { signal, started, timeoutMs: 10_000 })).stdout;
  } finally {
    setTimeout(() => visits.delete(visitor), rememberedMs).unref();
  }
}

/** Whether this process has sent it into a server: a child of ours with the number of such a one. */
export function isOurVisit(pid: number): boolean {
  return visits.has(pid) && readStatus(pid)?.parent === process.pid;
}

/** Whether a process of this number was sent by us, and may have ended a moment ago. */
export function wasOurVisit(pid: number): boolean {
  return visits.has(pid);
}
