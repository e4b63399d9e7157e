import { constants, realpathSync } from "node:fs";
import { open, readlink } from "node:fs/promises";
import { KilnError } from "./errors.ts";

/**
 * The bytes of a file that is read on a project's word, at most `limit` and one more. Where it lies is asked of the open file
 * (`/proc/self/fd`, proc(5)), so that neither a link nor an exchange in that moment leads out of `folder`. Throws
 * `path_escapes`, and what open(2) throws; a pipe or a device is not waited for.
 */
export async function readInside(folder: string, file: string, limit: number): Promise<Buffer> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const real = await readlink(`/proc/self/fd/${handle.fd}`);
  const root = realpathSync(folder);
  if (!real.startsWith(root === "/" ? "/" : `${root}/`)) throw escapes(file, folder, real);
  const chunks: Buffer[] = [];
  for (let size = 0; size <= limit; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(64 * 1024));
    if (bytesRead === 0) break;
    size += bytesRead;
    chunks.push(buffer.subarray(0, bytesRead));
  }
  return Buffer.concat(chunks);
}

function escapes(file: string, folder: string, real: string): KilnError {
  return new KilnError("path_escapes", `${file} leads out of ${folder}: it is ${real}.`, {
    hint: "Replace the link by the file itself; what belongs to a project lies in its folder.",
  });
}
