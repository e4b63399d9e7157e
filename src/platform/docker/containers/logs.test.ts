import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { logLines } from "./logs.ts";

const at = "2026-11-29T16:00:00.123456789Z";

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  const bytes = Buffer.from(`${at} ${text}`);
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

async function linesOf(bytes: Buffer, size: number) {
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  const lines: string[] = [];
  for await (const { stream, text, atMs } of logLines(Readable.from(chunks))) {
    expect(atMs).toBe(Date.parse("2026-11-29T16:00:00.123Z"));
    lines.push(`${stream} ${text}`);
  }
  return lines;
}

test.each([1, 7, 64, 1000])("lines are read wherever chunks of %d bytes end", async (size) => {
  const bytes = Buffer.concat([
    frame(1, "hello\n"),
    frame(1, "begun "),
    frame(2, "wörld  \n"),
    frame(1, "and ended\n"),
    frame(2, "\n"),
    frame(1, "never ended"),
  ]);
  expect(await linesOf(bytes, size)).toEqual([
    "stdout hello",
    "stderr wörld  ",
    "stdout begun and ended",
    "stderr ",
    "stdout never ended",
  ]);
});
