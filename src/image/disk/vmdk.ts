import type { FileHandle } from "node:fs/promises";
import { type Disk, grainBytes, grainsOf } from "./pieces.ts";
import { storedZlib } from "./stored.ts";

const sectorBytes = 512;
const grainSectors = grainBytes / sectorBytes;
const grainsInTable = 512;
const descriptorSectors = 20;
/** Sectors before the first grain. */
const overhead = 128;
/** VMware's markers between grains. */
const marker = { end: 0, table: 1, directory: 2, footer: 3 };
const directoryAtEnd = 0xffff_ffff_ffff_ffffn;

/**
 * The disk as a stream-optimized VMDK, the form in which vSphere imports disks ("Virtual Disk Format 1.1" of VMware). Its grains are zlib streams
 * that are not compressed, so that the bytes are the same everywhere.
 */
export async function writeVmdk(file: FileHandle, disk: Disk, signal: AbortSignal): Promise<void> {
  const sectors = disk.bytes / sectorBytes;
  const tables = Math.ceil(Math.ceil(sectors / grainSectors) / grainsInTable);
  const directory = Buffer.alloc(roundUp(tables * 4));
  const table = Buffer.alloc(grainsInTable * 4);
  let sector = 0;
  let current = 0;
  const append = async (bytes: Buffer) => {
    await file.appendFile(Buffer.concat([bytes], roundUp(bytes.length)));
    sector += roundUp(bytes.length) / sectorBytes;
  };
  const endTable = async () => {
    if (table.every((byte) => byte === 0)) return;
    await append(markerOf(marker.table, table.length));
    directory.writeUInt32LE(sector, current * 4);
    await append(Buffer.from(table));
    table.fill(0);
  };
  await append(header(sectors, directoryAtEnd));
  await append(descriptor(sectors));
  await append(Buffer.alloc((overhead - sector) * sectorBytes));
  for await (const { index, bytes } of grainsOf(disk, signal)) {
    const wanted = Math.floor(index / grainsInTable);
    if (wanted !== current) await endTable();
    current = wanted;
    table.writeUInt32LE(sector, (index % grainsInTable) * 4);
    await append(grain(index * grainSectors, bytes));
  }
  await endTable();
  await append(markerOf(marker.directory, directory.length));
  const directoryAt = BigInt(sector);
  await append(directory);
  await append(markerOf(marker.footer, sectorBytes));
  await append(header(sectors, directoryAt));
  await append(markerOf(marker.end, 0));
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes;
}

function grain(sector: number, bytes: Buffer): Buffer {
  const content = storedZlib(bytes);
  const head = Buffer.alloc(12);
  head.writeBigUInt64LE(BigInt(sector), 0);
  head.writeUInt32LE(content.length, 8);
  return Buffer.concat([head, content]);
}

/** What follows it: its length and kind. */
function markerOf(kind: number, bytes: number): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.writeBigUInt64LE(BigInt(bytes / sectorBytes), 0);
  sector.writeUInt32LE(kind, 12);
  return sector;
}

function header(sectors: number, directoryAt: bigint): Buffer {
  const head = Buffer.alloc(sectorBytes);
  head.write("KDMV", 0, "latin1");
  head.writeUInt32LE(3, 4);
  head.writeUInt32LE(0x0003_0001, 8); // a line end that is checked, compressed grains, markers
  head.writeBigUInt64LE(BigInt(sectors), 12);
  head.writeBigUInt64LE(BigInt(grainSectors), 20);
  head.writeBigUInt64LE(1n, 28); // where the description begins
  head.writeBigUInt64LE(BigInt(descriptorSectors), 36);
  head.writeUInt32LE(grainsInTable, 44);
  head.writeBigUInt64LE(directoryAt, 56);
  head.writeBigUInt64LE(BigInt(overhead), 64);
  head.write("\n \r\n", 73, "latin1");
  head.writeUInt16LE(1, 77); // zlib
  return head;
}

function descriptor(sectors: number): Buffer {
  const text = [
    "# Disk DescriptorFile",
    "version=1",
    "CID=4b494c4e",
    "parentCID=ffffffff",
    'createType="streamOptimized"',
    `RW ${sectors} SPARSE "disk.vmdk"`,
    'ddb.adapterType = "lsilogic"',
    `ddb.geometry.cylinders = "${Math.min(65_535, Math.floor(sectors / (255 * 63)))}"`,
    'ddb.geometry.heads = "255"',
    'ddb.geometry.sectors = "63"',
    'ddb.virtualHWVersion = "7"',
    "",
  ].join("\n");
  return Buffer.concat([Buffer.from(text)], descriptorSectors * sectorBytes);
}
