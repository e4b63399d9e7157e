import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogLine } from "../../platform/contract/reading.ts";
import { chosenLines, type Reading } from "./chosen-lines.ts";

const line = (atMs: number, text: string): LogLine => ({ atMs, stream: "stdout", text });

/** A log that has these lines, and gets the others once someone follows it. */
function logOf(there: readonly LogLine[], later: readonly LogLine[] = []) {
  return async function* ({ tail = there.length, follow }: Pick<Reading, "tail" | "follow">) {
    yield* there.slice(Math.max(0, there.length - tail));
    if (follow) yield* later;
  };
}

async function read(how: Reading, there: readonly LogLine[], later: readonly LogLine[] = []) {
  const texts: string[] = [];
  for await (const { text } of chosenLines(logOf(there, later), how)) texts.push(text);
  return texts;
}

const log = [line(1, "GET /a"), line(2, "POST /a"), line(2, "GET /b"), line(3, "GET /c")];

test.each<[Reading, readonly string[]]>([
  [{}, ["GET /a", "POST /a", "GET /b", "GET /c"]],
  [{ tail: 1 }, ["GET /c"]],
  [{ since: 2 }, ["POST /a", "GET /b", "GET /c"]],
  [{ grep: "GET" }, ["GET /a", "GET /b", "GET /c"]],
  [{ grep: "GET", tail: 2 }, ["GET /b", "GET /c"]],
  [{ grep: "POST", tail: 2, since: 2 }, ["POST /a"]],
  [{ grep: ".", tail: 2 }, []],
  [{ since: 4 }, []],
  [{ grep: "GET", tail: 0 }, []],
])("%j", async (how, texts) => {
  expect(await read(how, log)).toEqual(texts);
});

test("someone who follows hears each wanted line once, whatever its moment", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(2), { maxLength: 20 }),
      fc.nat(20),
      fc.option(fc.nat(5), { nil: undefined }),
      fc.nat(4),
      async (steps, cut, tail, since) => {
        const moment = (i: number) => steps.slice(0, i + 1).reduce((sum, step) => sum + step, 0);
        const lines = steps.map((_, i) => line(moment(i), `${i % 2 === 0 ? "even" : "odd"} ${i}`));
        const there = lines.slice(0, cut);
        const wanted = (of: readonly LogLine[]) =>
          of.filter((it) => it.atMs >= since && it.text.includes("even")).map(({ text }) => text);
        const before = wanted(there);
        const heard = await read({ since, grep: "even", tail, follow: true }, there, lines.slice(cut));
        expect(heard).toEqual([
          ...before.slice(Math.max(0, before.length - (tail ?? before.length))),
          ...wanted(lines.slice(cut)),
        ]);
      },
    ),
  ));
