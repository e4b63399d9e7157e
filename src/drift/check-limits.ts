import { basename, join } from "node:path";
import { readIfThere } from "../lib/proc.ts";
import type { Subject } from "../platform/platform.ts";
import type { Difference } from "./detector.ts";

/** Each limit that is not what it was set to. */
export function checkLimits({ baseline }: Subject): readonly Difference[] {
  return baseline.limits.flatMap(({ file, value }) => {
    const now = readIfThere(file);
    if (now === undefined || now === value) return [];
    const name = basename(file);
    return [{ kind: "limit", subject: name, detail: `${name} is ${shown(now)}, it was ${shown(value)}` }];
  });
}

function shown(value: string): string {
  return value.trim().replaceAll("\n", "; ") || "empty";
}

/**
 * Whether it stands still: its own cgroup or one above it is frozen, or its first process is stopped, which no process
 * within can do to it (signals of the own namespace that have no handler do not reach it: pid_namespaces(7)).
 */
export function checkPaused({ process, cgroupFolders }: Subject): readonly Difference[] {
  const frozen = cgroupFolders.some((folder) => {
    const state = readIfThere(join(folder, "freezer.state"));
    if (state !== undefined) return state.trim() !== "THAWED";
    return /^frozen 1$/m.test(readIfThere(join(folder, "cgroup.events")) ?? "");
  });
  if (frozen) return [{ kind: "paused", subject: "cgroup", detail: "its processes are frozen" }];
  if (!/^State:\tT /m.test(readIfThere(`/proc/${process.pid}/status`) ?? "")) return [];
  return [{ kind: "paused", subject: `pid ${process.pid}`, detail: "its first process is stopped" }];
}
