import { existsSync, readdirSync, readFileSync, realpathSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno } from "../../lib/errors.ts";
import { killNow } from "./processes.ts";

const mountPoint = "/sys/fs/cgroup";

/** Which limits the kernel can keep for us here. */
export interface CgroupSupport {
  /** 1 also on hybrid machines, where the controllers are version 1's: cgroups(7). */
  readonly version: 1 | 2;
  readonly memory: boolean;
  /** Whether swap can be limited together with memory. */
  readonly swap: boolean;
  readonly cpu: boolean;
  readonly pids: boolean;
}

export function readCgroupSupport(root = mountPoint): CgroupSupport {
  const unified = readIfPresent(join(root, "cgroup.controllers"));
  return unified === undefined ? supportOfVersion1(root) : supportOfVersion2(unified);
}

function supportOfVersion1(root: string): CgroupSupport {
  return {
    version: 1,
    memory: existsSync(join(root, "memory/memory.limit_in_bytes")),
    swap: existsSync(join(root, "memory/memory.memsw.limit_in_bytes")),
    cpu:
      existsSync(join(root, "cpu/cpu.cfs_quota_us")) ||
      existsSync(join(root, "cpu,cpuacct/cpu.cfs_quota_us")),
    pids: existsSync(join(root, "pids")),
  };
}

function supportOfVersion2(controllers: string): CgroupSupport {
  const has = new Set(controllers.trim().split(/\s+/));
  return {
    version: 2,
    memory: has.has("memory"),
    // /proc/swaps exists when the kernel was built with swap, and then memory.swap.max does too.
    swap: has.has("memory") && existsSync("/proc/swaps"),
    cpu: has.has("cpu"),
    pids: has.has("pids"),
  };
}

/**
 * Whether processes stand where version 2 wants none, so that no cgroup with limits can be made next to them
 * (cgroups(7), "no internal processes"). It happens in containers: a machine's own root, which has no type, is exempt.
 */
export function isRootOccupied(root = mountPoint): boolean {
  return existsSync(join(root, "cgroup.type")) && readIfPresent(join(root, "cgroup.procs"))?.trim() !== "";
}

/** The parent of all cgroups of one installation, as runc's `cgroupsPath` wants it. */
export function installationCgroup(tag: string): string {
  return `/kiln-${tag}`;
}

export function serverCgroup(tag: string, id: string): string {
  return `${installationCgroup(tag)}/${id}`;
}

/** Kills what still runs in the cgroup and removes it from every hierarchy; then its parent, when that is empty. */
export function removeCgroup(tag: string, id: string): void {
  for (const hierarchy of hierarchies()) {
    killIn(join(hierarchy, serverCgroup(tag, id)));
    removeEmpty(join(hierarchy, serverCgroup(tag, id)));
  }
}

/** Removes the parent cgroup where no server is left in it. */
export function removeParentCgroup(tag: string): void {
  for (const hierarchy of hierarchies()) removeEmpty(join(hierarchy, installationCgroup(tag)));
}

/** Whether anything of the server's cgroup exists. */
export function hasCgroup(tag: string, id: string): boolean {
  return hierarchies().some((hierarchy) => existsSync(join(hierarchy, serverCgroup(tag, id))));
}

/** The folders of this cgroup, one for each hierarchy that has it. */
export function cgroupFolders(cgroup: string): readonly string[] {
  const folders = hierarchies().map((hierarchy) => join(hierarchy, cgroup));
  // With version 1, `cpu` may be a link to `cpu,cpuacct`.
  return [...new Set(folders.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder)))];
}

/**
 * Stops all processes of a cgroup where they are, or lets them continue: one write to the folder that has a freezer, of
 * version 1 or 2. False when there is none.
 */
export function setFrozen(folders: readonly string[], frozen: boolean): boolean {
  return (
    writeToFirst(folders, "freezer.state", frozen ? "FROZEN" : "THAWED") ||
    writeToFirst(folders, "cgroup.freeze", frozen ? "1" : "0")
  );
}

/**
 * Whether all of them stand still: the kernel stops one after the other, and one that waits for a disk only after that. True
 * where there is no freezer, or no such cgroup any more.
 */
export function isFrozen(folders: readonly string[]): boolean {
  const first = readFirst(folders, "freezer.state");
  if (first !== undefined) return first.trim() === "FROZEN";
  const second = readFirst(folders, "cgroup.events");
  return second === undefined || /^frozen 1$/m.test(second);
}

function readFirst(folders: readonly string[], name: string): string | undefined {
  for (const folder of folders) {
    const text = readIfPresent(join(folder, name));
    if (text !== undefined) return text;
  }
  return undefined;
}

function writeToFirst(folders: readonly string[], name: string, value: string): boolean {
  return folders.some((folder) => {
    try {
      writeFileSync(join(folder, name), value, { flag: "r+" });
      return true;
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ENODEV")) return false;
      throw error;
    }
  });
}

function hierarchies(): readonly string[] {
  if (existsSync(join(mountPoint, "cgroup.controllers"))) return [mountPoint];
  return readdirSync(mountPoint).map((name) => join(mountPoint, name));
}

/** Numbers of the processes in this folder of a cgroup; none when it is gone. */
export function membersOf(folder: string): readonly number[] {
  const lines = readIfPresent(join(folder, "cgroup.procs"))?.split("\n") ?? [];
  return lines.flatMap((line) => (line === "" ? [] : [Number(line)]));
}

/** SIGKILL to all that is in the server's cgroup. */
export function killMembers(tag: string, id: string): void {
  for (const hierarchy of hierarchies()) killIn(join(hierarchy, serverCgroup(tag, id)));
}

function killIn(cgroup: string): void {
  for (const pid of readIfPresent(join(cgroup, "cgroup.procs"))?.split("\n") ?? []) {
    if (pid !== "") killNow(Number(pid));
  }
}

function removeEmpty(cgroup: string): void {
  try {
    rmdirSync(cgroup);
  } catch (error) {
    // Busy: a killed process is still on its way out, or another server lives there. The next call removes it.
    if (!["ENOENT", "EBUSY", "ENOTEMPTY", "ENOTDIR"].some((code) => isErrno(error, code))) throw error;
  }
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}
