import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { readIfThere } from "../../../lib/process/proc.ts";
import { setFrozen } from "../../linux/cgroups.ts";
import { askedLimits, type Limit } from "../server/asked-limits.ts";

/**
 * Restores what another program has changed of the cgroup above all servers, which is Kiln's own. A server that is made below it
 * would differ from its release at once, and so would the one that takes its place, without end. Returns the names of the
 * files that it wrote; what the kernel refuses stays as it is, and is found. `folders` are its folders, one for each hierarchy.
 */
export function restoreParent(folders: readonly string[]): readonly string[] {
  setFrozen(folders, false);
  const limits = folders.flatMap((folder) => askedLimits(folder, {}));
  // Twice: version 1 takes no more memory than memory and swap together.
  return [...new Set([...limits, ...limits].filter(isRestored).map(({ file }) => basename(file)))];
}

function isRestored({ file, value }: Limit): boolean {
  const now = readIfThere(file);
  if (now === undefined || now === value) return false;
  return wordsToSet(basename(file), value, now).filter((words) => isTaken(file, words)).length > 0;
}

/** What has to be written, a line at a time: cgroups, "Interface Files" of the kernel's cgroup-v2.rst. */
function wordsToSet(name: string, value: string, now: string): readonly string[] {
  const devices = now.split("\n").flatMap((line) => /^\d+:\d+/.exec(line)?.[0] ?? []);
  if (name === "io.max") return devices.map((device) => `${device} rbps=max wbps=max riops=max wiops=max\n`);
  if (name === "io.weight") return [value, ...devices.map((device) => `${device} default\n`)];
  // Version 1 knows no word for it.
  return [name.endsWith("_in_bytes") ? value.replace("max", "-1") : value];
}

function isTaken(file: string, words: string): boolean {
  try {
    writeFileSync(file, words);
    return true;
  } catch {
    return false; // the look at the servers reports it
  }
}
