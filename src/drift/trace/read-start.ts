import { open } from "node:fs/promises";
import { isErrno } from "../../lib/errors.ts";

const pieceBytes = 64 * 1024;

/** The beginning of a file of the kernel's, at most `most` bytes; nothing when its process is gone. Does not block. */
export async function readStart(path: string, most: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  try {
    await using file = await open(path);
    for (let bytes = 0; bytes < most; ) {
      const piece = Buffer.alloc(Math.min(pieceBytes, most - bytes));
      const { bytesRead } = await file.read(piece);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      pieces.push(piece.subarray(0, bytesRead));
    }
  } catch (error) {
    if (!["ENOENT", "ESRCH", "EINVAL"].some((code) => isErrno(error, code))) throw error;
  }
  return Buffer.concat(pieces);
}
