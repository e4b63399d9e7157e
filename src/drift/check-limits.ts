import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { readIfThere } from "../lib/proc.ts";
import type { Subject } from "../platform/platform.ts";
import type { Check, Difference } from "./detector.ts";

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

/** Whether it stands still: its own cgroup or one above it is frozen. */
export function createPausedCheck(): Check {
  const freezers = new WeakMap<Subject, Freezer | "none">();
  return (subject) => {
    const freezer = freezers.get(subject) ?? freezerOf(subject) ?? "none";
    freezers.set(subject, freezer);
    if (freezer === "none" || !freezer.frozen.test(readIfThere(freezer.file) ?? "")) return [];
    return [{ kind: "paused", subject: "cgroup", detail: "its processes are frozen" }];
  };
}

interface Freezer {
  readonly file: string;
  readonly frozen: RegExp;
}

/** Of version 1 or 2; both files tell what is, also when a cgroup above was frozen. */
function freezerOf({ cgroupFolders }: Subject): Freezer | undefined {
  const files = (name: string) =>
    cgroupFolders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const first = files("freezer.state");
  if (first !== undefined) return { file: first, frozen: /^FR/ };
  const second = files("cgroup.events");
  return second === undefined ? undefined : { file: second, frozen: /^frozen 1$/m };
}
