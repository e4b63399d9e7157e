import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sha256 } from "../../lib/files/sha256.ts";
import { pacer } from "../../lib/time/pace.ts";
import { buildImage } from "../build.ts";
import { readTar } from "../tar/tar-reader.ts";
import { serviceSpec, type Workshop, workshop } from "../test-kit.ts";
import { isTooLarge } from "./import-layer.ts";

const indexType = "application/vnd.oci.image.index.v1+json";

let shop: Workshop;
let folder: string;
beforeEach(() => {
  shop = workshop();
  folder = join(shop.project, "base");
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
});
afterEach(() => shop[Symbol.dispose]());

function index(manifests: readonly object[]) {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
  writeFileSync(join(folder, "blobs/sha256", sha256(bytes)), bytes);
  return { mediaType: indexType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

function build() {
  return buildImage(
    serviceSpec({ from: { kind: "oci", path: folder, ref: undefined }, command: undefined }),
    shop.options,
  );
}

/** 10,000 times 10,000 times 10,000 descriptors in less than 4 MB. */
test("indexes that name each other again and again are read once each", async () => {
  const many = (one: object) => Array.from({ length: 10_000 }, () => one);
  const top = index(many(index(many(index([])))));
  writeFileSync(join(folder, "index.json"), JSON.stringify({ manifests: many(top) }));
  await expect(build()).rejects.toMatchObject({
    code: "image_unknown",
    message: expect.stringContaining(folder),
  });
}, 20_000);

test("a chain of indexes ends", async () => {
  let one = index([]);
  for (let i = 0; i < 100; i++) one = index([one]);
  writeFileSync(join(folder, "index.json"), JSON.stringify({ manifests: [one] }));
  await expect(build()).rejects.toMatchObject({
    code: "image_invalid",
    message: `${folder} has more than 32 nested indexes.`,
  });
});

test("a layer may not unpack to a thousand times its size, nor to more than a disk has", () => {
  expect(isTooLarge(2 ** 30, 1000)).toBe(false);
  expect(isTooLarge(2 ** 30 + 1, 2 ** 20)).toBe(true);
  expect(isTooLarge(8 * 2 ** 30, 2 ** 28)).toBe(false);
  expect(isTooLarge(32 * 2 ** 30 + 1, 2 ** 40)).toBe(true);
});

test("records for all entries are few, and the archive is named", async () => {
  const scratch = mkdtempSync("/tmp/kiln-tar-");
  try {
    const path = join(scratch, "layer.tar");
    const records = Array.from({ length: 2000 }, (_, i) => `13 k${String(i).padStart(4, "0")}=val\n`).join(
      "",
    );
    writeFileSync(
      path,
      Buffer.concat([header("g", records.length), padded(records), header("0", 0), Buffer.alloc(1024)]),
    );
    const size = 512 + padded(records).length + 512 + 1024;
    await expect(
      readTar({ path, offset: 0, length: size }, pacer(new AbortController().signal)),
    ).rejects.toMatchObject({
      code: "image_invalid",
      message: `${path}: An archive cannot be read: it has more than 1000 global records.`,
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test.each([".wh.", ".wh..", ".wh...", "a/.wh..."])("a layer that removes %s is refused", async (name) => {
  const path = join(shop.folder, "layer.tar");
  writeFileSync(path, Buffer.concat([header("0", 0, name), Buffer.alloc(1024)]));
  await expect(readTar({ path, offset: 0, length: 1536 }, pacer())).rejects.toMatchObject({
    code: "image_invalid",
    message: expect.stringContaining("without a name"),
  });
});

test("a device whose number no system has is refused", async () => {
  const path = join(shop.folder, "layer.tar");
  const device = header("3", 0, "device", (bytes) =>
    bytes.write("\x80\0\0\0\x7f\xff\xff\xff", 329, "latin1"),
  );
  writeFileSync(path, Buffer.concat([device, Buffer.alloc(1024)]));
  await expect(readTar({ path, offset: 0, length: 1536 }, pacer())).rejects.toMatchObject({
    code: "image_invalid",
  });
});

function padded(text: string): Buffer {
  const bytes = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  bytes.write(text);
  return bytes;
}

/** POSIX.1-2017, pax, "ustar Interchange Format". */
function header(typeflag: string, size: number, name = "entry", change = (_: Buffer) => {}): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write(name, 0);
  bytes.write("0000644\0", 100);
  bytes.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  bytes.fill(" ", 148, 156);
  bytes.write(typeflag, 156);
  bytes.write("ustar\u000000", 257);
  change(bytes);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}
