import fc from "fast-check";
import { expect, test } from "vitest";
import { createLineSplitter, createLogJoiner, parseLogPart } from "./log-format.ts";

const text = fc.string({ unit: "grapheme" }).map((s) => s.replaceAll("\n", ""));

test("lines are cut the same wherever the chunks end", () => {
  fc.assert(
    fc.property(fc.array(text), fc.array(fc.nat(200)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      const split = createLineSplitter();
      const places = [...new Set([0, ...cuts, bytes.length])]
        .filter((at) => at <= bytes.length)
        .sort((a, b) => a - b);
      const found = places.flatMap((at, i) => split(bytes.subarray(at, places[i + 1] ?? bytes.length)));
      expect(found).toEqual(lines);
    }),
  );
});

test("parts of lines are joined by stream, whatever comes in between", () => {
  const written = fc.array(
    fc.record({ stream: fc.constantFrom("stdout", "stderr"), parts: fc.array(text, { minLength: 1 }) }),
  );
  fc.assert(
    fc.property(written, (lines) => {
      const joiner = createLogJoiner();
      const stream = (name: string) =>
        lines.filter((line) => line.stream === name).map(({ parts }) => parts.join(""));
      const found = lines.flatMap(({ stream, parts }) =>
        parts.flatMap((part, i) => {
          const noise = stream === "stdout" ? [] : joiner.push("cut short");
          const tag = i === parts.length - 1 ? "F" : "P";
          return [...noise, ...joiner.push(`2026-01-02T03:04:05.123456789+02:00 ${stream} ${tag} ${part}`)];
        }),
      );
      for (const name of ["stdout", "stderr"]) {
        expect(found.filter((line) => line.stream === name).map((line) => line.text)).toEqual(stream(name));
      }
    }),
  );
});

test("a line keeps its time, and what never ended is still given out", () => {
  expect(parseLogPart("2026-01-02T03:04:05.123456789+02:00 stderr F hello  world ")).toEqual({
    atMs: Date.UTC(2026, 0, 2, 1, 4, 5, 123),
    stream: "stderr",
    text: "hello  world ",
    whole: true,
  });
  const joiner = createLogJoiner();
  expect(joiner.push("2026-01-02T03:04:05.1Z stdout P begun")).toEqual([]);
  expect(joiner.flush()).toMatchObject([{ text: "begun" }]);
  expect(joiner.flush()).toEqual([]);
});
