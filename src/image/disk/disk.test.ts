import { createCipheriv } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readOrders } from "../../domain/guest/testing.ts";
import { fatWithFile } from "./fat.ts";
import { partitionTable, partitionTypes } from "./gpt.ts";
import { diskConfig } from "./guest.ts";
import { type Disk, grainBytes, grainsOf } from "./pieces.ts";
import { littleStub } from "./testing.ts";
import { unifiedKernel } from "./uki.ts";
import { hashTree } from "./verity.ts";

const { signal } = new AbortController();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-disk-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a hash tree", () => {
  /** Bytes without a pattern, the same each time. */
  function noise(length: number): Buffer {
    const key = Buffer.from("00000000000000000000000000000001", "hex");
    return createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
  }

  // `veritysetup format --salt=-` of cryptsetup 2.6.1 gave these hashes.
  test.each([
    [1_000_000, 245, 4, "38dafe2f7064e824a788d816eb64d1af039308eb320273709be9e4335a2df9b7"],
    [4096, 1, 1, "dddc786ecd8acc09cbdf4f0417d720456f1e0eb8b9b48df81804b5a6992472f2"],
  ])("over %i bytes has the root that veritysetup finds", async (length, blocks, own, rootHash) => {
    const file = join(folder, "data");
    writeFileSync(file, noise(length));
    const tree = await hashTree(file, signal);
    expect(tree).toMatchObject({ blocks, rootHash });
    expect(tree.bytes.length).toBe(own * 4096);
  });
});

describe("a partition table", () => {
  const partition = { name: "boot", type: partitionTypes.efiSystem, firstSector: 2048, sectors: 100 };
  const { start, end } = partitionTable([partition], 8192, "seed");

  test.each([
    ["at the start", start.subarray(512, 1024), 1n, 8191n, 2n, start.subarray(1024)],
    ["at the end", end.subarray(-512), 8191n, 1n, 8159n, end.subarray(0, -512)],
  ])("%s leads to itself, to its copy and to its entries", (_, header, own, other, table, entries) => {
    expect(header.toString("latin1", 0, 8)).toBe("EFI PART");
    expect([24, 32, 72].map((at) => header.readBigUInt64LE(at))).toEqual([own, other, table]);
    expect(header.readUInt32LE(88)).toBe(crc32(entries));
    const own32 = header.readUInt32LE(16);
    const without = Buffer.from(header.subarray(0, 92));
    without.writeUInt32LE(0, 16);
    expect(own32).toBe(crc32(without));
  });

  test("has a partition's type, name and sectors", () => {
    const entry = start.subarray(1024, 1152);
    expect(entry.toString("hex", 0, 16)).toBe("28732ac11ff8d211ba4b00a0c93ec93b");
    expect([entry.readBigUInt64LE(32), entry.readBigUInt64LE(40)]).toEqual([2048n, 2147n]);
    expect(entry.toString("utf16le", 56, 64)).toBe("boot");
  });

  test("is another one for another disk", () => {
    expect(partitionTable([partition], 8192, "seed").start.equals(start)).toBe(true);
    expect(partitionTable([partition], 8192, "other").start.equals(start)).toBe(false);
  });
});

/** What a reader finds by way of the root, folders and the chain of clusters. */
function readFat(image: Buffer, path: readonly string[]): Buffer {
  const fat = 32 * 512;
  const data = fat + 2 * image.readUInt32LE(36) * 512;
  const chain = (first: number) => {
    const sectors: Buffer[] = [];
    for (let at = first; at < 0x0fff_fff8; at = image.readUInt32LE(fat + at * 4))
      sectors.push(image.subarray(data + (at - 2) * 512, data + (at - 1) * 512));
    return Buffer.concat(sectors);
  };
  let found = { cluster: image.readUInt32LE(44), size: 512 };
  for (const name of path) {
    const entries = chain(found.cluster);
    const at = entries.indexOf(name, 0, "latin1");
    const cluster = (entries.readUInt16LE(at + 20) << 16) | entries.readUInt16LE(at + 26);
    found = { cluster, size: entries.readUInt32LE(at + 28) };
  }
  return chain(found.cluster).subarray(0, found.size);
}

test("a file is found in FAT32 by its path, and there are enough clusters for it to be FAT32", () => {
  const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 251));
  const { bytes, pieces } = fatWithFile(["EFI", "BOOT", "BOOTX64.EFI"], content);
  const image = Buffer.alloc(bytes);
  for (const { at, bytes: piece } of pieces) piece.copy(image, at);
  expect(readFat(image, ["EFI        ", "BOOT       ", "BOOTX64 EFI"]).equals(content)).toBe(true);
  const fatSectors = image.readUInt32LE(36);
  expect(image.readUInt32LE(32) - 32 - 2 * fatSectors).toBeGreaterThanOrEqual(65_525);
  expect(fatSectors * 128).toBeGreaterThan(image.readUInt32LE(32) - 32 - 2 * fatSectors);
});

describe("a unified kernel image", () => {
  test("has its parts where its sections say, page by page", () => {
    const image = unifiedKernel(littleStub(), [
      { name: ".cmdline", bytes: Buffer.from("quiet") },
      { name: ".linux", bytes: Buffer.alloc(5000, 7) },
    ]);
    expect(image.readUInt16LE(0x46)).toBe(3);
    const sections = [1, 2].map((i) => {
      const at = 0x58 + 240 + i * 40;
      const [length, address, , place] = [8, 12, 16, 20].map((field) => image.readUInt32LE(at + field));
      return { length, address, content: image.subarray(place, (place ?? 0) + (length ?? 0)) };
    });
    expect(sections[0]).toMatchObject({ address: 0x6000, content: Buffer.from("quiet") });
    expect(sections[1]).toMatchObject({ length: 5000, address: 0x7000, content: Buffer.alloc(5000, 7) });
    expect(image.readUInt32LE(0x58 + 56)).toBe(0x9000);
  });

  test.each([
    ["no program", Buffer.alloc(100), "not a program for UEFI"],
    ["no room", littleStub(), "no room"],
  ])("cannot be made with %s", (_, stub, message) => {
    const sections = Array.from({ length: 30 }, () => ({ name: ".x", bytes: Buffer.from("x") }));
    expect(() => unifiedKernel(stub, sections)).toThrow(message);
  });
});

test("a disk is read in grains, without grains of zeros alone", async () => {
  const file = join(folder, "piece");
  writeFileSync(file, Buffer.alloc(grainBytes, 2));
  const disk: Disk = {
    bytes: 10 * grainBytes,
    pieces: [
      { at: 10, bytes: Buffer.from([1]) },
      { at: 3 * grainBytes - 100, file, length: grainBytes },
      { at: 5 * grainBytes, bytes: Buffer.alloc(grainBytes) },
      { at: 10 * grainBytes - 1, bytes: Buffer.from([3]) },
    ],
  };
  const image = Buffer.alloc(disk.bytes);
  const indices: number[] = [];
  for await (const { index, bytes } of grainsOf(disk, signal)) {
    indices.push(index);
    bytes.copy(image, index * grainBytes);
  }
  expect(indices).toEqual([0, 2, 3, 9]);
  const expected = Buffer.alloc(disk.bytes);
  expected[10] = 1;
  expected.fill(2, 3 * grainBytes - 100, 4 * grainBytes - 100);
  expected[10 * grainBytes - 1] = 3;
  expect(image.equals(expected)).toBe(true);
});

test("a machine has an address before names, a root before what is placed, and writes only once it is sealed", () => {
  const orders = readOrders(
    diskConfig(
      {
        ...{ name: "shop", uid: 33, gid: 34, groups: [], workingFolder: "/srv", stopSignal: "QUIT" },
        ...{ env: ["A=1"], argv: ["/bin/web"], writable: ["/run"] },
      },
      [{ name: "kiln-0123", blocks: 9, rootHash: "0123" }],
    ),
  );
  const at = (...start: readonly string[]) =>
    orders.findIndex((order) => start.every((word, i) => order[i] === word));
  const sequence = [
    ...[at("dhcp"), at("layer", "0", "kiln-0123", "9", "0123"), at("root", "1"), at("folder", "/srv")],
    ...[at("names"), at("seal"), at("mount", "tmpfs", "/run"), at("arg", "/bin/web")],
  ];
  expect(sequence).not.toContain(-1);
  expect(sequence).toEqual([...sequence].sort((a, b) => a - b));
  expect(orders).toContainEqual(["stop", "3", "30"]);
  expect(orders).toContainEqual(["user", "33", "34"]);
});
