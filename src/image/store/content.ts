import { closeSync, constants, openSync, readSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import { fileChanged } from "../../lib/files/open-exactly.ts";
import type { Content } from "../tar/entry.ts";

const chunkBytes = 1 << 20;

export function contentLength(content: Content | undefined): number {
  if (content === undefined) return 0;
  return content.kind === "bytes" ? content.bytes.byteLength : content.length;
}

/** The bytes in chunks; each chunk is overwritten by the next. Throws `file_changed` when the file has become shorter. */
export function* contentChunks(content: Content): Generator<Uint8Array> {
  if (content.kind === "bytes") {
    yield content.bytes;
    return;
  }
  // what has taken the file's place since is found by its digest; here it must only not be waited for
  const file = openSync(content.path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    yield* sliceChunks(file, content.path, content.offset, content.length);
  } finally {
    closeSync(file);
  }
}

/** As `contentChunks`, of an open file. */
export function* sliceChunks(
  file: number,
  path: string,
  offset: number,
  length: number,
): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, length));
  for (let done = 0; done < length; ) {
    const read = readSync(file, buffer, 0, Math.min(buffer.length, length - done), offset + done);
    if (read === 0) throw fileChanged(path);
    done += read;
    yield buffer.subarray(0, read);
  }
}

/** All bytes at once; for small files. Throws `image_invalid` above `limit` bytes. */
export function contentBytes(content: Content, limit: number): Buffer {
  const length = contentLength(content);
  if (length > limit) {
    throw new KilnError("image_invalid", `A file has ${length} bytes; expected at most ${limit}.`);
  }
  // copied one by one: each chunk is overwritten by the next
  const chunks = contentChunks(content)
    .map((chunk) => Buffer.from(chunk))
    .toArray();
  return Buffer.concat(chunks, length);
}

/** The bytes from `offset` on, at most `length` of them; fewer where the content ends. */
export function contentRange(content: Content, offset: number, length: number): Buffer {
  const end = contentLength(content);
  const start = Math.min(offset, end);
  const size = Math.min(length, end - start);
  if (content.kind === "bytes") return Buffer.from(content.bytes.subarray(start, start + size));
  return contentBytes({ ...content, offset: content.offset + start, length: size }, size);
}
