// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Compose files.
import { expect, test } from "vitest";
import { parseEnvFile } from "./project/env-file.ts";
import { interpolate } from "./project/interpolate.ts";
import { durationOf, sizeOf, wordsOf } from "./units.ts";

const variables = new Map([
  ["A", "1"],
  ["EMPTY", ""],
]);

test.each([
  ["$A ${A} $$A", "1 1 $A"],
  ["${B:-x}${B-y}${A:-z}", "xy1"],
  ["${EMPTY:-x}|${EMPTY-x}", "x|"],
  ["${A:+set}${B:+set}${EMPTY+set}", "setset"],
  ["${B:-${A}/${C:-c}}", "1/c"],
  ["${A:?must be set}", "1"],
  ["cost: 5$", "cost: 5$"],
])("%s becomes %s", (text, expected) => {
  expect(interpolate(text, variables)).toEqual({ text: expected, unset: [], kept: [] });
});

test("a variable without a value is the empty text, and named", () => {
  expect(interpolate("a${B}c$D", variables)).toEqual({ text: "ac", unset: ["B", "D"], kept: [] });
});

test("a file of variables has comments, quotes and names alone", () => {
  const text = "# no\nA=1 # one\nexport B='x # y'\nC=\"a\\nb\" # c\nD=#\nE\nF=a#b\r\n not a line\n";
  expect([...parseEnvFile(".env", text)]).toEqual([
    ["A", "1"],
    ["B", "x # y"],
    ["C", "a\nb"],
    ["D", ""],
    ["E", undefined],
    ["F", "a#b"],
  ]);
});

test("a quoted value may have several lines, and none of them is a variable", () => {
  const text =
    "KEY=\"-----BEGIN KEY-----\r\nMIIB=\r\nAAA\\\"A=\r\n-----END KEY-----\" # c\r\nB='x\nC=\\'1\\''\nD=2";
  expect([...parseEnvFile(".env", text)]).toEqual([
    ["KEY", '-----BEGIN KEY-----\nMIIB=\nAAA"A=\n-----END KEY-----'],
    ["B", "x\nC='1'"],
    ["D", "2"],
  ]);
});

test.each([
  ['A=1\nKEY="secret\nB=2\n', { line: 2, column: 5 }, "The quoted value of KEY does not end."],
  ["KEY='secret\\'", { line: 1, column: 5 }, "The quoted value of KEY does not end."],
  ['KEY="a\nb" c\n', { line: 2, column: 2 }, "Text follows the quoted value of KEY."],
])("a quote that does not end, or not there, is refused: %j", (text, place, message) => {
  const problem = expect.objectContaining({ place: { file: "api.env", ...place }, message });
  expect(() => parseEnvFile("api.env", text)).toThrow(expect.objectContaining({ problems: [problem] }));
});

test.each([
  ["1m30s", "1m30s"],
  ["90s", "1m30s"],
  ["1.5s", "1s500ms"],
  ["0s", "0s"],
  ["1500us", "2ms"],
  ["30", undefined],
])("the duration %s", (text, expected) => {
  expect(durationOf(text)).toBe(expected);
});

test.each([
  ["512m", "512MiB"],
  ["1GB", "1GiB"],
  ["64kb", "64KiB"],
  ["67108864", "64MiB"],
  ["1000b", "1KiB"],
  ["much", undefined],
])("the size %s", (text, expected) => {
  expect(sizeOf(text)).toBe(expected);
});

test("a command line is split as a shell does", () => {
  expect(wordsOf(`sh -c "echo \\"hi\\" 'there'" a\\ b 'c d'e`)).toEqual([
    ...["sh", "-c", `echo "hi" 'there'`, "a b", "c de"],
  ]);
});
