import { crc32 } from "node:zlib";
import { guidBytes, guidOf } from "./guid.ts";

/** A partition; `firstSector` and `sectors` count sectors of 512 bytes. */
export interface Partition {
  /** At most 36 letters, digits or hyphens. */
  readonly name: string;
  /** A GUID as text. */
  readonly type: string;
  readonly firstSector: number;
  readonly sectors: number;
}

export const sectorBytes = 512;
/** Sectors before the first partition, as every partitioning program leaves them: 1 MiB. */
export const alignment = 2048;
/** What the second copy of the table takes at the disk's end. */
export const endSectors = 33;
export const mostPartitions = 128;
/** "EFI System" and "Linux filesystem data" (UEFI specification 2.10, table 5-7; UAPI "Discoverable Partitions Specification"). */
export const partitionTypes = {
  efiSystem: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  linuxData: "0fc63daf-8483-4772-8e79-3d69d8477de4",
} as const;

const entryBytes = 128;
const tableSectors = (mostPartitions * entryBytes) / sectorBytes;

/**
 * The partition table of a disk (UEFI specification 2.10, section 5): what stands at its start, and at its end. The GUIDs of disk and
 * partitions follow from `seed`, so that the same content has the same table.
 */
export function partitionTable(
  partitions: readonly Partition[],
  diskSectors: number,
  seed: string,
): { readonly start: Buffer; readonly end: Buffer } {
  const entries = Buffer.alloc(mostPartitions * entryBytes);
  for (const [index, partition] of partitions.entries())
    writeEntry(entries.subarray(index * entryBytes), partition, guidOf(`${seed} partition ${index}`));
  const disk = guidOf(`${seed} disk`);
  const header = (own: number, other: number, table: number) =>
    headerOf({ own, other, table, disk, diskSectors, entries });
  const last = diskSectors - 1;
  return {
    start: Buffer.concat([protectiveMbr(diskSectors), header(1, last, 2), entries]),
    end: Buffer.concat([entries, header(last, 1, last - tableSectors)]),
  };
}

function protectiveMbr(diskSectors: number): Buffer {
  const mbr = Buffer.alloc(sectorBytes);
  const record = [0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff];
  mbr.set(record, 446);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(diskSectors - 1, 0xffff_ffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

function writeEntry(entry: Buffer, { name, type, firstSector, sectors }: Partition, own: Buffer): void {
  guidBytes(type).copy(entry, 0);
  own.copy(entry, 16);
  entry.writeBigUInt64LE(BigInt(firstSector), 32);
  entry.writeBigUInt64LE(BigInt(firstSector + sectors - 1), 40);
  entry.write(name, 56, 72, "utf16le");
}

interface Header {
  readonly own: number;
  readonly other: number;
  readonly table: number;
  readonly disk: Buffer;
  readonly diskSectors: number;
  readonly entries: Buffer;
}

function headerOf({ own, other, table, disk, diskSectors, entries }: Header): Buffer {
  const header = Buffer.alloc(sectorBytes);
  const used = 92;
  header.write("EFI PART", 0, "latin1");
  header.writeUInt32LE(0x0001_0000, 8);
  header.writeUInt32LE(used, 12);
  header.writeBigUInt64LE(BigInt(own), 24);
  header.writeBigUInt64LE(BigInt(other), 32);
  header.writeBigUInt64LE(BigInt(2 + tableSectors), 40);
  header.writeBigUInt64LE(BigInt(diskSectors - endSectors - 1), 48);
  disk.copy(header, 56);
  header.writeBigUInt64LE(BigInt(table), 72);
  header.writeUInt32LE(mostPartitions, 80);
  header.writeUInt32LE(entryBytes, 84);
  header.writeUInt32LE(crc32(entries), 88);
  header.writeUInt32LE(crc32(header.subarray(0, used)), 16);
  return header;
}
