import { closeSync, constants, readSync, realpathSync } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { KilnError } from "../errors.ts";
import { openExactly } from "./open-exactly.ts";

/**
 * The bytes of a file that a project names, at most `limit` and one more. The place is read from the open file
 * (`/proc/self/fd`, proc(5)), so that neither a link nor a swap at that moment leads out of `folder`. Throws
 * `path_escapes`, and what open(2) throws; a pipe or a device does not block.
 */
export async function readInside(folder: string, file: string, limit: number): Promise<Buffer> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const real = await readlink(`/proc/self/fd/${handle.fd}`);
  const root = realpathSync(folder);
  if (!real.startsWith(root === "/" ? "/" : `${root}/`)) throw escapes(file, folder, real);
  return readAtMost(handle.fd, limit);
}

/** The bytes of what lies at `path`, with the same limit. Throws what `openExactly` does. */
export function readExactly(path: string, limit: number): Buffer {
  const file = openExactly(path);
  try {
    return readAtMost(file, limit);
  } finally {
    closeSync(file);
  }
}

function readAtMost(file: number, limit: number): Buffer {
  const chunks: Buffer[] = [];
  for (let size = 0; size <= limit; ) {
    const buffer = Buffer.alloc(64 * 1024);
    const length = readSync(file, buffer);
    if (length === 0) break;
    size += length;
    chunks.push(buffer.subarray(0, length));
  }
  return Buffer.concat(chunks);
}

function escapes(file: string, folder: string, real: string): KilnError {
  return new KilnError("path_escapes", `${file} leads out of ${folder}: it is ${real}.`, {
    hint: "Replace the link with the file itself: all files of a project must be in its folder.",
  });
}
