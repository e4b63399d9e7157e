import { readFileSync, statSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../time/clock.ts";
import { appendLines, type ReadLines, readLines, removeLines } from "./rotated-lines.ts";

const never = new AbortController().signal;

async function all(path: string, how: ReadLines = {}): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of readLines(path, how, systemClock, never)) lines.push(line);
  return lines;
}

test("keeps the newest lines in two files, and reads them in order", async () => {
  await using folder = await mkdtempDisposable("/tmp/kiln-");
  const path = join(folder.path, "log");
  expect(await all(path)).toEqual([]);
  for (let i = 0; i < 30; i += 1) appendLines(path, `line ${i}\n`, 60);
  expect(statSync(path).size).toBeLessThan(70);
  const lines = await all(path);
  expect(lines.at(-1)).toBe("line 29");
  expect(lines.length).toBeGreaterThan(8);
  expect(lines).toEqual(Array.from(lines, (_, i) => `line ${30 - lines.length + i}`));
  expect(await all(path, { tail: 10 })).toEqual(lines.slice(-10));
  expect(await all(path, { tail: 0 })).toEqual([]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await removeLines(path);
  expect(await all(path)).toEqual([]);
});

test("a reader that follows gets each line once, also over changes of the file, and lines that are not ASCII", async () => {
  await using folder = await mkdtempDisposable("/tmp/kiln-");
  const path = join(folder.path, "log");
  const stop = new AbortController();
  const wanted = Array.from({ length: 40 }, (_, i) => `ü ${i}`);
  appendLines(path, `${wanted[0]}\n${wanted[1]}\n`, 100);
  const seen: string[] = [];
  for await (const line of readLines(path, { tail: 1, follow: true }, systemClock, stop.signal)) {
    seen.push(line);
    // The next one is written only when this one was seen, so that none is rotated away before.
    const next = wanted[seen.length + 1];
    if (next === undefined) break;
    appendLines(path, `${next}\n`, 100);
  }
  expect(seen).toEqual(wanted.slice(1));
  expect(readFileSync(`${path}.1`, "utf8")).toContain("ü");
});
