import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { type Disk, grainBytes, grainsOf } from "./pieces.ts";
import { storedBlocks } from "./stored.ts";

/** What holds more than zeros. */
interface Segment {
  readonly at: number;
  readonly length: number;
}

const block = 512;

/**
 * The disk as Google Compute Engine imports it: a file `disk.raw` in a tar archive of the old GNU format, without its zeros, in gzip (GCE: "Manually import boot disks").
 * gzip's part is not compressed, so that the bytes are the same everywhere.
 */
export async function writeGce(file: FileHandle, disk: Disk, signal: AbortSignal): Promise<void> {
  const segments = await segmentsOf(disk, signal);
  const gzip = new StoredGzip(file);
  await gzip.begin();
  const stored = segments.reduce((sum, { length }) => sum + length, 0);
  await gzip.write(archiveHead(disk.bytes, stored, segments));
  for await (const { bytes } of grainsOf(disk, signal)) await gzip.write(bytes);
  await gzip.write(Buffer.alloc(2 * block)); // the end of the archive; grains fill whole blocks
  await gzip.end();
}

async function segmentsOf(disk: Disk, signal: AbortSignal): Promise<readonly Segment[]> {
  const segments: Segment[] = [];
  for await (const { index } of grainsOf(disk, signal)) {
    const at = index * grainBytes;
    const last = segments.at(-1);
    if (last !== undefined && last.at + last.length === at)
      segments[segments.length - 1] = { at: last.at, length: last.length + grainBytes };
    else segments.push({ at, length: grainBytes });
  }
  return segments;
}

const segmentsInHead = 4;
const segmentsInBlock = 21;

/** GNU tar's manual, "Basic Tar Format", `struct oldgnu_header` and `struct sparse_header`. */
function archiveHead(bytes: number, stored: number, segments: readonly Segment[]): Buffer {
  const head = Buffer.alloc(block);
  head.write("disk.raw", 0, "latin1");
  for (const [at, text] of [
    [100, "0000644\0"],
    [108, "0000000\0"],
    [116, "0000000\0"],
    [124, number(stored)],
    [136, number(0)],
    [148, "        "], // for the sum of all bytes
    [156, "S"],
    [257, "ustar  \0"],
    [483, number(bytes)],
  ] as const)
    head.write(text, at, "latin1");
  writeSegments(head, 386, segments.slice(0, segmentsInHead));
  head[482] = segments.length > segmentsInHead ? 1 : 0;
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  const more: Buffer[] = [];
  for (let from = segmentsInHead; from < segments.length; from += segmentsInBlock) {
    const extension = Buffer.alloc(block);
    writeSegments(extension, 0, segments.slice(from, from + segmentsInBlock));
    extension[504] = segments.length > from + segmentsInBlock ? 1 : 0;
    more.push(extension);
  }
  return Buffer.concat([head, ...more]);
}

function writeSegments(into: Buffer, at: number, segments: readonly Segment[]): void {
  for (const [i, { at: start, length }] of segments.entries())
    into.write(number(start) + number(length), at + 24 * i, "latin1");
}

/** Eleven octal digits: up to 8 GiB. Larger numbers are written in binary, as GNU tar does. */
function number(value: number): string {
  if (value < 8 ** 11) return `${value.toString(8).padStart(11, "0")}\0`;
  const bytes = Buffer.alloc(12);
  bytes[0] = 0x80;
  bytes.writeBigUInt64BE(BigInt(value), 4);
  return bytes.toString("latin1");
}

/** gzip (RFC 1952) without compression, without name and time. */
class StoredGzip {
  readonly #file: FileHandle;
  #check = 0;
  #length = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  begin(): Promise<unknown> {
    return this.#file.appendFile(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]));
  }

  write(bytes: Uint8Array): Promise<unknown> {
    this.#check = crc32(bytes, this.#check);
    this.#length += bytes.length;
    return this.#file.appendFile(storedBlocks(bytes, false));
  }

  end(): Promise<unknown> {
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(this.#check, 0);
    tail.writeUInt32LE(this.#length % 2 ** 32, 4);
    return this.#file.appendFile(Buffer.concat([storedBlocks(new Uint8Array(), true), tail]));
  }
}
