import { readFileSync } from "node:fs";
import type { ServerShape } from "../../domain/spec/server-shape.ts";
import type { HostImage } from "../contract/images.ts";
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

/** A limit of setrlimit(2), by the resource's name in `ulimit`; -1 stands for unlimited. */
export interface ResourceLimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** What each process of a server has: what its release asks for, else `openFiles` open files and no core dumps. */
export function resourceLimits(
  { ulimits = {} }: Pick<ServerShape, "ulimits">,
  openFiles: number,
): readonly ResourceLimit[] {
  const both = (limit: number) => ({ soft: limit, hard: limit });
  const all = { nofile: both(openFiles), core: both(0), ...ulimits };
  return Object.entries(all).map(([name, limit]) => ({ name, ...limit }));
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
