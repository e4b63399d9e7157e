import { constants as fileConstants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { constants, gunzipSync } from "node:zlib";
import { isErrno, KilnError } from "../../../lib/errors.ts";

/** A file that holds a disk. */
export interface FoundDisk {
  /** Absolute. */
  readonly path: string;
  readonly format: "raw" | "qcow2" | "vmdk" | "vhd" | "gce";
  /** As programs see the disk. */
  readonly bytes: number;
  readonly fileBytes: number;
}

const blockBytes = 512;
/** Enough for a partition table's head, and for the head of an archive in gzip. */
const startBytes = 4096;

/** Tells a disk's format by what stands in it, not by its name. Throws `usage` when it cannot be read, `image_invalid` when it is not a whole disk. */
export async function findDisk(path: string): Promise<FoundDisk> {
  const file = await open(path, fileConstants.O_RDONLY | fileConstants.O_NONBLOCK).catch((error) => {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "EACCES") && !isErrno(error, "ENOTDIR")) throw error;
    throw new KilnError("usage", `${path} cannot be read (${error.code}).`, {
      hint: "Name a file that `kiln image disk` has written.",
      cause: error,
    });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw notADisk(path, "it is not a file");
    const start = await read(file, 0, startBytes);
    const end = await read(file, Math.max(0, stats.size - blockBytes), blockBytes);
    const found = vhdSize(path, end, stats.size) ?? inStart(path, start, stats.size);
    return { path, fileBytes: stats.size, ...found };
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

type Found = Pick<FoundDisk, "format" | "bytes">;

/** "Virtual Hard Disk Image Format Specification" of Microsoft: a footer. */
function vhdSize(path: string, end: Buffer, fileBytes: number): Found | undefined {
  if (end.length < blockBytes || end.toString("latin1", 0, 8) !== "conectix") return undefined;
  if (end.readUInt32BE(60) !== 2) throw notADisk(path, "it is a VHD that is not fixed");
  const bytes = Number(end.readBigUInt64BE(48));
  if (bytes + blockBytes !== fileBytes) throw notADisk(path, "its size is not the one of its footer");
  const sum = end.reduce((total, byte, i) => (i >= 64 && i < 68 ? total : total + byte), 0);
  if (end.readUInt32BE(64) !== ~sum >>> 0) throw notADisk(path, "the checksum of its footer does not match");
  return { format: "vhd", bytes };
}

function inStart(path: string, start: Buffer, fileBytes: number): Found {
  if (start.length < 2 * blockBytes) throw notADisk(path, "it is too short");
  const magic = start.toString("latin1", 0, 4);
  if (magic === "QFI\xfb") return { format: "qcow2", bytes: Number(start.readBigUInt64BE(24)) };
  if (magic === "KDMV") return { format: "vmdk", bytes: Number(start.readBigUInt64LE(12)) * blockBytes };
  if (start.readUInt16BE(0) === 0x1f8b) return { format: "gce", bytes: archivedSize(path, start) };
  if (start.toString("latin1", blockBytes, blockBytes + 8) !== "EFI PART")
    throw notADisk(path, "it has no partition table of UEFI");
  const last = Number(start.readBigUInt64LE(blockBytes + 32));
  if ((last + 1) * blockBytes !== fileBytes)
    throw notADisk(path, "it is not as long as its partition table says");
  return { format: "raw", bytes: fileBytes };
}

/** The size of `disk.raw`, the first file of a tar archive. */
function archivedSize(path: string, start: Buffer): number {
  const head = opened(start);
  if (head.length < blockBytes || head.toString("latin1", 0, 9) !== "disk.raw\0")
    throw notADisk(path, "it is not an archive whose first file is disk.raw");
  const at = head.toString("latin1", 156, 157) === "S" ? 483 : 124; // the size with or without zeros left out
  if (head[at] === 0x80) return Number(head.readBigUInt64BE(at + 4));
  return Number.parseInt(head.toString("latin1", at, at + 11), 8);
}

function opened(start: Buffer): Buffer {
  try {
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 16 << 20 });
  } catch {
    return Buffer.alloc(0);
  }
}

function notADisk(path: string, why: string): KilnError {
  return new KilnError("image_invalid", `${path} is not a disk that a cloud starts: ${why}.`, {
    hint: "`kiln image disk IMAGE --format FORMAT` writes one.",
  });
}
