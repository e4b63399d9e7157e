import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pacer } from "../../lib/time/pace.ts";
import { contentBytes, contentChunks } from "../store/content.ts";
import type { TarEntry, TarTree } from "./entry.ts";
import { readTar } from "./tar-reader.ts";
import { tarParts } from "./tar-writer.ts";

const part = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 60 })
  .map((text) => text.replaceAll(/[/\0]/g, "-").normalize())
  .filter((text) => text !== "." && text !== ".." && Buffer.byteLength(text) <= 255 && text.isWellFormed());
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
const id = fc.nat({ max: 2 ** 32 - 2 });
const common = { path, mode: fc.nat({ max: 0o7777 }), uid: id, gid: id, mtime: fc.nat({ max: 2 ** 34 }) };
const bytes = fc.uint8Array({ maxLength: 1500 });
const xattrs = fc.dictionary(fc.stringMatching(/^(security|user)\.[a-z]{1,9}$/), bytes, {
  minKeys: 1,
  maxKeys: 3,
});

const entry: fc.Arbitrary<TarEntry> = fc.oneof(
  fc.record({ ...common, type: fc.constant("folder" as const) }),
  fc.record({ ...common, type: fc.constant("symlink" as const), link: path }),
  fc.record({
    ...common,
    type: fc.constant("char" as const),
    device: fc.record({ major: fc.nat({ max: 4095 }), minor: fc.nat({ max: 255 }) }),
  }),
  fc.record({
    ...common,
    type: fc.constant("file" as const),
    content: bytes.map((value) => ({ kind: "bytes" as const, bytes: value })),
    xattrs,
  }),
);
const tree = fc
  .array(entry, { maxLength: 12 })
  .map((all): TarTree => new Map(all.map((one) => [one.path, one])));

function archive(of: TarTree): Buffer {
  return Buffer.concat([...tarParts(of)].flatMap(({ content }) => [...contentChunks(content)]));
}

/** Comparable, with contents as bytes. */
function plain(of: TarTree): unknown[] {
  return [...of.values()]
    .map(({ content, xattrs: attributes, ...rest }) => ({
      ...rest,
      content: content && contentBytes(content, 1e6).toString("hex"),
      xattrs:
        attributes &&
        Object.entries(attributes)
          .map(([k, v]) => [k, Buffer.from(v).toString("hex")])
          .sort(),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

test("a written archive is read back unchanged", async () => {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    await fc.assert(
      fc.asyncProperty(tree, async (written) => {
        const file = join(folder, "a.tar");
        const tar = archive(written);
        writeFileSync(file, tar);
        const read = await readTar({ path: file, offset: 0, length: tar.length }, pacer());
        expect(plain(read)).toEqual(plain(written));
      }),
      { numRuns: 150 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the order in which entries are given does not matter", () => {
  fc.assert(
    fc.property(tree, (given) => {
      const backwards = new Map([...given].reverse());
      expect(archive(backwards).equals(archive(given))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test("an archive cut or changed anywhere is read or refused, never anything else", async () => {
  const folder = mkdtempSync("/tmp/kiln-");
  try {
    await fc.assert(
      fc.asyncProperty(tree, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), async (given, at, byte, cut) => {
        const tar = archive(given);
        tar[at % tar.length] = byte;
        const length = cut ? at % tar.length : tar.length;
        const file = join(folder, "a.tar");
        writeFileSync(file, tar);
        await readTar({ path: file, offset: 0, length }, pacer()).catch((error) =>
          expect(error).toMatchObject({ code: "image_invalid" }),
        );
      }),
      { numRuns: 300 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
