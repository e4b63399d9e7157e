import { closeSync, fstatSync, openSync } from "node:fs";
import { isErrno } from "../../lib/errors.ts";
import { isGone, linkIfThere } from "../../lib/process/proc.ts";

/** What a process runs. */
export interface Program {
  /** Absolute in its own mount namespace. */
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/** O_PATH of asm-generic/fcntl.h, which Node.js has no name for: the file itself, neither read nor run. */
const pathOnly = 0o10000000;

/**
 * The program that a process runs at this moment; undefined when it has ended, or may not be looked at. A process may begin
 * another program at any time, so name and number are read of one open file: two looks below /proc may be of two programs.
 */
export function programOf(pid: number): Program | undefined {
  const file = openProgram(pid);
  if (file === undefined) return undefined;
  try {
    const { dev: device, ino: inode } = fstatSync(file);
    const path = linkIfThere(`/proc/self/fd/${file}`);
    return path === undefined ? undefined : { path, device, inode };
  } finally {
    closeSync(file);
  }
}

function openProgram(pid: number): number | undefined {
  try {
    return openSync(`/proc/${pid}/exe`, pathOnly);
  } catch (error) {
    if (isGone(error) || isErrno(error, "EACCES")) return undefined;
    throw error;
  }
}
