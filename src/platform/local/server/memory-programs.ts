import { existsSync } from "node:fs";
import { toKilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import { isAlive, isEnding, type ProcessRef } from "../../../lib/process/proc.ts";
import type { HostContext } from "../context.ts";

/** A setting of the writer's process-id namespace; exists since Linux 6.3: memfd_create(2). */
export const memoryProgramsFile = "/proc/sys/vm/memfd_noexec";

/**
 * Forbids running any program in a memfd in the process-id namespace of this process. runc sets no such sysctl,
 * and a hook of it would take longer than this. What cannot be set is logged: a server without it is seen by the scan. A
 * process that has ended meanwhile, as short jobs do, has taken its namespace along: nothing is left to protect.
 */
export async function forbidProgramsInMemory(
  { log }: Pick<HostContext, "log">,
  process: ProcessRef,
  run = exec,
): Promise<void> {
  if (!existsSync(memoryProgramsFile)) return;
  const { pid } = process;
  try {
    await run(["nsenter", `--pid=/proc/${pid}/ns/pid`, "sh", "-c", `echo 1 > ${memoryProgramsFile}`]);
  } catch (error) {
    if (isEnding(pid) || !isAlive(process)) return;
    log.warn({ pid, error: toKilnError(error).message }, "programs in memory are not forbidden");
  }
}
