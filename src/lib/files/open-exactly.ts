import { closeSync, constants, openSync, readlinkSync } from "node:fs";
import { isErrno, KilnError } from "../errors.ts";

/** A fifo in a file's place is not waited for, and a link in its place is not followed. */
const careful = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens what lies at `path`, a path without symbolic links, for reading. Anyone who owns a folder above it may exchange it for a
 * link between a check and now: the kernel is asked where the open file lies (`/proc/self/fd`, proc(5)). Throws `file_changed`
 * when that is elsewhere, and what open(2) throws otherwise.
 */
export function openExactly(path: string, kind: "file" | "folder" = "file"): number {
  const file = open(path, kind === "folder" ? careful | constants.O_DIRECTORY : careful);
  if (readlinkSync(`/proc/self/fd/${file}`) === path) return file;
  closeSync(file);
  throw fileChanged(path);
}

function open(path: string, flags: number): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENOTDIR", "ENXIO"].some((code) => isErrno(error, code))) throw fileChanged(path);
    throw error;
  }
}

export function fileChanged(path: string): KilnError {
  return new KilnError("file_changed", `The file changed while it was being read: ${path}`, {
    hint: "Build again when nothing writes to it.",
    retry: true,
  });
}
