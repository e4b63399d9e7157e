import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { systemPath } from "../../lib/process/environment.ts";

/** Absolute path of a program, looked up in `folders` as `exec` does. Throws `tool_missing`. */
export function findProgram(name: string, folders = systemPath): string {
  const found = folders
    .split(":")
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found) return found;
  throw new KilnError("tool_missing", `The program ${name} is not installed.`, {
    permanent: true,
    hint: "`kiln doctor` lists what is missing and how to install it.",
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The `oom_score_adj` (proc(5)) of servers: 0, or the controller's own where that is more, since raising needs no permission. */
export function oomScore(own = readFileSync("/proc/self/oom_score_adj", "utf8")): number {
  return Math.max(0, Number(own));
}
