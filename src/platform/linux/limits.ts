import { readFileSync } from "node:fs";
import type { ServerShape } from "../../domain/spec.ts";
import type { HostImage } from "../platform.ts";
import { isForEverybody, mountOrder } from "./skeleton.ts";

/** What every server may have, whatever its release says. */
const maxOpenFiles = 65_536;
export const maxProcesses = 1024;
export const sharedMemoryBytes = 64 * 1024 * 1024;
export const tmpfsInodes = 65_536;
const tmpfsBytesWithoutLimit = 256 * 1024 * 1024;

/** Kiln cannot give a server more open files than this process may have itself: getrlimit(2). */
export function openFilesLimit(limits = readFileSync("/proc/self/limits", "utf8")): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === "unlimited" ? maxOpenFiles : Math.min(maxOpenFiles, Number(hard));
}

/** A writable path of a server, and the options of its tmpfs: tmpfs(5). */
export interface WritablePath {
  readonly path: string;
  readonly options: readonly string[];
}

/** Parents first. Nothing that is written there can be run. */
export function writablePaths(
  { uid, gid }: Pick<HostImage, "uid" | "gid">,
  { memoryBytes, writable }: Pick<ServerShape, "memoryBytes" | "writable">,
): readonly WritablePath[] {
  const bytes = memoryBytes === undefined ? tmpfsBytesWithoutLimit : Math.ceil(memoryBytes / 2);
  return mountOrder(writable).map((path) => ({
    path,
    options: [
      "noexec",
      "nosuid",
      "nodev",
      `mode=${isForEverybody(path) ? "1777" : "0755"}`,
      `uid=${uid}`,
      `gid=${gid}`,
      `size=${bytes}`,
      `nr_inodes=${tmpfsInodes}`,
    ],
  }));
}
