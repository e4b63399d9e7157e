import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readIfThere } from "../../lib/process/proc.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import type { Check } from "./check.ts";

/** Each limit that is not what it was set to. */
export function createLimitCheck(): Check {
  /** What servers share is read once in a turn of the event loop, for all of them. */
  const shared = new Map<string, string | undefined>();
  function readShared(file: string): string | undefined {
    if (shared.size === 0) setImmediate(() => shared.clear());
    if (!shared.has(file)) shared.set(file, readIfThere(file));
    return shared.get(file);
  }
  return ({ baseline, cgroup }) =>
    baseline.limits.flatMap(({ file, value }) => {
      const isOwn = file.includes(`${cgroup}/`);
      const now = isOwn ? readIfThere(file) : readShared(file);
      if (now === undefined || now === value) return [];
      const name = isOwn ? basename(file) : `${basename(dirname(file))}/${basename(file)}`;
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

/** Of version 1 or 2; both files show the present state, also when a cgroup above was frozen. */
function freezerOf({ cgroupFolders }: Subject): Freezer | undefined {
  const files = (name: string) =>
    cgroupFolders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  const first = files("freezer.state");
  if (first !== undefined) return { file: first, frozen: /^FR/ };
  const second = files("cgroup.events");
  return second === undefined ? undefined : { file: second, frozen: /^frozen 1$/m };
}
