import { hash } from "node:crypto";
import { createReadStream } from "node:fs";

export const blockBytes = 4096;
const digestBytes = 32;

/** What makes every block of a file checkable, by the kernel's dm-verity. */
export interface HashTree {
  /** Blocks of the file, the last one filled with zeros. */
  readonly blocks: number;
  /** What stands after them: one block of description, and the tree. */
  readonly bytes: Buffer;
  /** The digest of the root's block: 64 hex digits. */
  readonly rootHash: string;
}

/**
 * The tree over a file, as `veritysetup format --salt=- --hash-offset=SIZE` writes it (kernel: Documentation/admin-guide/device-mapper/verity.rst;
 * cryptsetup's "DMVerity" for the block of description). It reads the file once.
 */
export async function hashTree(path: string, signal: AbortSignal): Promise<HashTree> {
  const leaves = await leafDigests(path, signal);
  const levels: Buffer[] = [];
  let level = leaves;
  while (level.length > digestBytes) {
    const blocks = inBlocks(level);
    levels.unshift(blocks); // the root's block comes first
    level = Buffer.concat(Array.from(eachBlock(blocks), digest));
  }
  const blocks = leaves.length / digestBytes;
  return { blocks, bytes: Buffer.concat([description(blocks), ...levels]), rootHash: level.toString("hex") };
}

async function leafDigests(path: string, signal: AbortSignal): Promise<Buffer> {
  const digests: Buffer[] = [];
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * blockBytes, signal })) {
    const bytes = chunk as Buffer;
    const whole = Math.ceil(bytes.length / blockBytes) * blockBytes; // the file's end fills no block
    const filled = whole === bytes.length ? bytes : Buffer.concat([bytes], whole);
    for (const block of eachBlock(filled)) digests.push(digest(block));
  }
  return Buffer.concat(digests);
}

function digest(block: Buffer): Buffer {
  return hash("sha256", block, "buffer");
}

function inBlocks(digests: Buffer): Buffer {
  return Buffer.concat([digests], Math.ceil(digests.length / blockBytes) * blockBytes);
}

function* eachBlock(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += blockBytes) yield bytes.subarray(at, at + blockBytes);
}

/** `struct verity_sb` of cryptsetup's lib/verity/verity.c. Only its tools read it: the machine knows all of it. */
function description(blocks: number): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  bytes.write("verity\0\0", 0, "latin1");
  bytes.writeUInt32LE(1, 8); // version of the block
  bytes.writeUInt32LE(1, 12); // the salt, of which there is none, stands before what is hashed
  bytes.write("sha256", 32, "latin1");
  bytes.writeUInt32LE(blockBytes, 64);
  bytes.writeUInt32LE(blockBytes, 68);
  bytes.writeBigUInt64LE(BigInt(blocks), 72);
  return bytes;
}
