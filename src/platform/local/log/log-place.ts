import type { FileHandle } from "node:fs/promises";

const pieceBytes = 64 * 1024;

/** Time, stream and mark of a line in the CRI log format take less: `2026-01-02T03:04:05.123456789+00:00 stdout F `. */
const headBytes = 50;

/**
 * Where the last `wanted` lines of a log begin, and how many there are: `wanted`, or fewer if the whole file has no more. Reads
 * back from the end, a piece at a time, because a server may write gigabytes without ending a line.
 */
export async function placeOfLast(
  log: FileHandle,
  size: number,
  wanted: number,
): Promise<{ readonly position: number; readonly lines: number }> {
  let lines = 0;
  let following = size;
  let head: Buffer = Buffer.alloc(0);
  for (let end = size; end > 0; end = Math.max(0, end - pieceBytes)) {
    const start = Math.max(0, end - pieceBytes);
    const bytes = Buffer.alloc(end - start);
    await log.read(bytes, 0, bytes.length, start);
    const piece = Buffer.concat([bytes, head]);
    for (const at of startsOfLines(bytes, start)) {
      if (endsLine(piece.subarray(at, at + headBytes))) lines += 1;
      if (lines > wanted) return { position: following, lines: wanted };
      following = start + at;
    }
    head = piece.subarray(0, headBytes);
  }
  return { position: 0, lines };
}

/** The last one first; that of the file's first line is its beginning. */
function* startsOfLines(bytes: Buffer, start: number): Generator<number> {
  for (let at = bytes.length; at > 0; ) {
    const end = bytes.lastIndexOf(0x0a, at - 1);
    if (end < 0) break;
    yield end + 1;
    at = end;
  }
  if (start === 0) yield 0;
}

/** `F`: the server ended its line here; `P`: the next line of its stream continues it. */
function endsLine(head: Buffer): boolean {
  return /^\S+ (?:stdout|stderr) F /.test(head.toString("latin1"));
}
