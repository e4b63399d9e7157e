import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../lib/errors.ts";
import type { ServerUsage } from "../contract/reading.ts";
import { cgroupFolders } from "./cgroups.ts";

/** What the kernel counts for a cgroup, of version 1 or 2. Undefined where there is no such cgroup. */
export function cgroupUsage(cgroup: string): ServerUsage | undefined {
  const folders = cgroupFolders(cgroup);
  return folders.length === 0 ? undefined : usageIn(folders);
}

/** The same in its folders, one for each hierarchy. Files: cgroup-v2.rst and cgroup-v1 (cpuacct.rst, memory.rst) of the kernel's documentation. */
export function usageIn(folders: readonly string[]): ServerUsage {
  const read = (name: string) => folders.map((folder) => textOf(join(folder, name))).find(Boolean);
  const field = (name: string, key: string) => {
    const texts = folders.map((folder) => textOf(join(folder, name)) ?? "");
    const found = texts.map((text) => new RegExp(`^${key} (\\d+)$`, "m").exec(text)?.[1]).find(Boolean);
    return found === undefined ? undefined : Number(found);
  };
  const micros = field("cpu.stat", "usage_usec");
  const nanos = read("cpuacct.usage");
  const bytes = read("memory.current") ?? read("memory.usage_in_bytes");
  // What the kernel gives back without harm; `docker stats` and the kubelet leave it out, too.
  const cache = field("memory.stat", "total_inactive_file") ?? field("memory.stat", "inactive_file") ?? 0;
  return {
    cpuMs: nanos !== undefined ? Number(nanos) / 1e6 : micros === undefined ? undefined : micros / 1e3,
    memoryBytes: bytes === undefined ? undefined : Math.max(0, Number(bytes) - cache),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENODEV") || isErrno(error, "EOPNOTSUPP"))
      return undefined;
    throw error;
  }
}
