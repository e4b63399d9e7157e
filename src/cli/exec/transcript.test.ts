import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { transcriptBytes } from "../../domain/drift/session.ts";
import { openTranscript } from "./transcript.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-t-");
});
afterEach(() => rmSync(folder, { recursive: true }));

const about = { command: ["sh", "-i"], width: 80, height: 24 };
const linesOf = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);

test("input and output are recorded with their time, and split characters are joined", () => {
  const path = join(folder, "a.cast");
  let nowMs = 5_000;
  {
    using transcript = openTranscript(path, about, () => nowMs);
    nowMs += 1_500;
    transcript.record("i", Buffer.from("ls\n"));
    const umlaut = Buffer.from("ö");
    transcript.record("o", umlaut.subarray(0, 1));
    transcript.record("e", Buffer.from("oops"));
    transcript.record("o", umlaut.subarray(1));
  }
  const [header, ...rest] = linesOf(path).map((line) => JSON.parse(line));
  expect(header).toEqual({ version: 2, width: 80, height: 24, timestamp: 5, command: "sh -i" });
  expect(rest.map(([atS, ...what]) => [atS, what.join(" ")])).toEqual([
    ...[
      [1.5, "i ls\n"],
      [1.5, "o "],
      [1.5, "e oops"],
      [1.5, "o ö"],
    ],
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("the command is recorded so that its arguments stay separate", () => {
  const path = join(folder, "a.cast");
  const command = ["sh", "-c", "echo it's; date", "", "--at=/x,y"];
  openTranscript(path, { ...about, command }, () => 0)[Symbol.dispose]();
  expect(JSON.parse(linesOf(path)[0] ?? "").command).toBe(`sh -c 'echo it'\\''s; date' '' --at=/x,y`);
});

test("data that does not fit is left out, and every recorded line is complete", () => {
  const path = join(folder, "a.cast");
  {
    using transcript = openTranscript(path, about, () => 0);
    for (let n = 0; n < 70; n++) transcript.record("o", Buffer.alloc(64 * 1024, "x"));
  }
  expect(statSync(path).size).toBeLessThanOrEqual(transcriptBytes);
  expect(linesOf(path).length).toBeGreaterThan(50);
  for (const line of linesOf(path)) JSON.parse(line);
});
