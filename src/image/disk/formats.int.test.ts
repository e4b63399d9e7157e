import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exec } from "../../lib/process/exec.ts";
import { type Disk, grainBytes } from "./pieces.ts";
import { type DiskFormat, writeDisk } from "./write-disk.ts";

const why = existsSync("/usr/bin/qemu-img") ? undefined : "qemu-utils is not installed";
if (why !== undefined) console.log(`Skipped: what other programs make of disks, because ${why}.`);

const { signal } = new AbortController();
let folder: string;
let disk: Disk;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kiln-formats-"));
  const file = join(folder, "piece");
  const pieceBytes = 5 * grainBytes + 4096;
  writeFileSync(file, Buffer.from(Array.from({ length: pieceBytes }, (_, i) => (i * 31) % 253)));
  disk = {
    bytes: 100 << 20, // more than one table of a VMDK
    pieces: [
      { at: 0, bytes: Buffer.from("start") },
      { at: 1 << 20, file, length: pieceBytes },
      // Each of these is a segment of its own: more than a header of a tar archive holds.
      ...Array.from({ length: 30 }, (_, i) => ({ at: (i + 2) * (3 << 20), bytes: Buffer.from([i + 1]) })),
      { at: (100 << 20) - 3, bytes: Buffer.from("end") },
    ],
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function written(format: DiskFormat): Promise<string> {
  const path = join(folder, `disk.${format}`);
  await writeDisk(path, async () => disk, { format, replace: true }, signal);
  return path;
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

describe.skipIf(why !== undefined)("a disk", () => {
  test.each([
    ["qcow2", "qcow2"],
    ["vmdk", "vmdk"],
    ["vhd", "vpc"],
  ] as const)("as %s holds the same for QEMU, and has the same bytes each time", async (format, driver) => {
    const [raw, path] = [await written("raw"), await written(format)];
    await exec(["qemu-img", "compare", "-q", "-f", "raw", "-F", driver, raw, path]);
    if (format !== "vhd") await exec(["qemu-img", "check", "-q", "-f", driver, path]);
    const { stdout } = await exec(["qemu-img", "info", "-f", driver, "--output=json", path]);
    expect(JSON.parse(stdout)).toMatchObject({ format: driver, "virtual-size": disk.bytes });
    const before = sha256(path);
    expect(sha256(await written(format))).toBe(before);
    expect(statSync(path).blocks * 512).toBeLessThan(8 << 20);
  });

  test("as vhd is 512 bytes more than whole MiB, as Azure wants it", async () => {
    expect(statSync(await written("vhd")).size).toBe(disk.bytes + 512);
  });

  test("as gce is an archive with one sparse file, which holds the same, and has the same bytes each time", async () => {
    const [raw, path] = [await written("raw"), await written("gce")];
    await exec(["tar", "-xzf", path, "-C", folder]);
    expect(sha256(join(folder, "disk.raw"))).toBe(sha256(raw));
    const before = sha256(path);
    expect(sha256(await written("gce"))).toBe(before);
    expect(statSync(path).size).toBeLessThan(8 << 20);
  });
});
