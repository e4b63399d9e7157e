import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { linesOf } from "./lines.ts";

test("lines are read however they come, and long ones in pieces", async () => {
  const chunks = ["on", "e\r\n\ntw", "o\nabcdef", "ghijkl\nend"].map((text) => Buffer.from(text));
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(chunks), 5)) lines.push(line);
  expect(lines).toEqual(["one\r", "", "two", "abcde", "fghijkl", "end"]);
});

test("a reader that stops ends the answer", async () => {
  const answer = Readable.from([Buffer.from("one\ntwo\n")]);
  for await (const _ of linesOf(answer, 5)) break;
  expect(answer.destroyed).toBe(true);
});
