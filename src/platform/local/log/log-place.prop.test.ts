import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placeOfLast } from "./log-place.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync("/tmp/kiln-log-");
});
afterAll(() => rmSync(folder, { recursive: true }));

const line = fc.record({
  mark: fc.constantFrom("F", "P"),
  text: fc.oneof(
    fc.constantFrom("", "x", " F ", "an F in it"),
    fc.integer({ min: 0, max: 40_000 }).map((n) => "y".repeat(n)),
  ),
});

async function place(text: string, wanted: number) {
  const path = join(folder, "log");
  writeFileSync(path, text);
  const log = await open(path, "r");
  try {
    return await placeOfLast(log, Buffer.byteLength(text), wanted);
  } finally {
    await log.close();
  }
}

test("the last lines begin right after the end of the line before them", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 20 }),
      fc.integer({ min: 1, max: 8 }),
      async (lines, wanted) => {
        const written = lines.map(
          ({ mark, text }) => `2026-11-29T13:00:00.000000000+00:00 stdout ${mark} ${text}\n`,
        );
        const ends = lines.flatMap(({ mark }, i) => (mark === "F" ? [i] : []));
        const before = ends.at(-wanted - 1);
        const expected = written.slice(0, before === undefined ? 0 : before + 1).join("").length;
        const found = await place(written.join(""), wanted);
        expect(found).toEqual({ position: expected, lines: Math.min(wanted, ends.length) });
      },
    ),
  );
});
