import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check, Difference } from "./check.ts";
import { createBundleCheck } from "./check-files.ts";
import { createLimitCheck, createPausedCheck } from "./check-limits.ts";
import { createMountCheck } from "./check-mounts.ts";
import { createProcessCheck } from "./check-processes.ts";
import { createSpaceCheck } from "./check-space.ts";

export type CheckName = "mounts" | "processes" | "bundle" | "limits" | "paused" | "space";

/** All that can be looked at on one server, by name: a detector that knows where to look asks for that alone. */
export interface Checks {
  readonly names: readonly CheckName[];
  /** What cannot be looked at is logged, and counts as unchanged. */
  look(subject: Subject, name: CheckName): readonly Difference[];
  /** Numbers of the processes that were in the server's cgroup when they were looked at last. */
  members(subject: Subject): readonly number[];
}

export function createChecks(log: Logger): Checks {
  const processes = createProcessCheck();
  const checks: Readonly<Record<CheckName, Check>> = {
    mounts: createMountCheck(),
    processes: processes.look,
    bundle: createBundleCheck(),
    limits: createLimitCheck(),
    paused: createPausedCheck(),
    space: createSpaceCheck(),
  };
  return {
    members: processes.members,
    names: Object.keys(checks) as CheckName[],
    look(subject, name) {
      try {
        return checks[name](subject);
      } catch (error) {
        const { message } = toKilnError(error);
        log.warn({ server: subject.server, check: name, error: message }, "a server could not be looked at");
        return [];
      }
    },
  };
}
