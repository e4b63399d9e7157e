import type { FileHandle } from "node:fs/promises";
import { grainBytes as clusterBytes, type Disk, grainsOf } from "./pieces.ts";

const clusterBits = 16;
const entriesInTable = clusterBytes / 8;
const countsInBlock = clusterBytes / 2;
/** "COPIED": nothing else refers to the cluster. */
const copied = 1n << 63n;

/** Where everything stands, in clusters: tables are as large as a disk without zeros would need. */
interface Layout {
  readonly countTable: number;
  readonly countBlocks: number;
  readonly countBlockCount: number;
  readonly l1: number;
  readonly l2: number;
  readonly l2Count: number;
  readonly data: number;
}

/**
 * The disk as qcow2 of version 3 (QEMU: docs/interop/qcow2.txt), not compressed: the compressors of two machines may differ. The same disk gives
 * the same bytes.
 */
export async function writeQcow2(file: FileHandle, disk: Disk, signal: AbortSignal): Promise<void> {
  const layout = layoutOf(disk.bytes);
  const l2 = Buffer.alloc(layout.l2Count * clusterBytes);
  let next = layout.data;
  for await (const { index, bytes } of grainsOf(disk, signal)) {
    await file.write(bytes, 0, clusterBytes, next * clusterBytes);
    l2.writeBigUInt64BE(BigInt(next * clusterBytes) | copied, index * 8);
    next++;
  }
  const l1 = tableOf(layout.l2, layout.l2Count, copied);
  const counts = Buffer.alloc(layout.countBlockCount * clusterBytes);
  for (let cluster = 0; cluster < next; cluster++) counts.writeUInt16BE(1, cluster * 2);
  const parts: readonly (readonly [number, Buffer])[] = [
    [0, header(disk.bytes, layout)],
    [layout.countTable, tableOf(layout.countBlocks, layout.countBlockCount, 0n)],
    [layout.countBlocks, counts],
    [layout.l1, l1],
    [layout.l2, l2],
  ];
  for (const [cluster, bytes] of parts) await file.write(bytes, 0, bytes.length, cluster * clusterBytes);
}

function layoutOf(bytes: number): Layout {
  const most = Math.ceil(bytes / clusterBytes);
  const l2Count = Math.ceil(most / entriesInTable);
  const countBlockCount = Math.ceil((most + l2Count + 64) / countsInBlock);
  const countBlocks = 2;
  const l1 = countBlocks + countBlockCount;
  return {
    ...{ countTable: 1, countBlocks, countBlockCount, l1, l2: l1 + 1, l2Count },
    data: l1 + 1 + l2Count,
  };
}

/** A table of one cluster, whose entries lead to clusters in a row. */
function tableOf(first: number, count: number, flags: bigint): Buffer {
  const table = Buffer.alloc(clusterBytes);
  for (let i = 0; i < count; i++) table.writeBigUInt64BE(BigInt((first + i) * clusterBytes) | flags, i * 8);
  return table;
}

function header(bytes: number, { countTable, l1, l2Count }: Layout): Buffer {
  const head = Buffer.alloc(clusterBytes);
  head.write("QFI\xfb", 0, "latin1");
  head.writeUInt32BE(3, 4);
  head.writeUInt32BE(clusterBits, 20);
  head.writeBigUInt64BE(BigInt(bytes), 24);
  head.writeUInt32BE(l2Count, 36); // entries of the first table
  head.writeBigUInt64BE(BigInt(l1 * clusterBytes), 40);
  head.writeBigUInt64BE(BigInt(countTable * clusterBytes), 48);
  head.writeUInt32BE(1, 56); // clusters of the table of counts
  head.writeUInt32BE(4, 96); // counts of 16 bits
  head.writeUInt32BE(104, 100); // length of this header
  return head;
}
