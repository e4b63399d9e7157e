import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { errorLines } from "./error-lines.ts";
import { LiveArea } from "./live-area.ts";
import { createStyle, wantsColour } from "./style.ts";
import { cutTo, facts, plainText, table, visibleWidth } from "./text.ts";
import { formatAge, formatBytes, formatDuration, plural, shortDigest } from "./units.ts";

const plain = createStyle(false);
const colour = createStyle(true);

test.each([
  [0, "0.00 s"],
  [240, "0.24 s"],
  [3_240, "3.2 s"],
  [59_940, "59.9 s"],
  [59_960, "1 min"],
  [125_000, "2 min 5 s"],
  [12_000_000, "3 h 20 min"],
  [360_000_000, "4 d 4 h"],
])("a duration of %i ms reads %s", (ms, words) => expect(formatDuration(ms)).toBe(words));

test.each([
  [999, "0 s"],
  [61_000, "1 min"],
  [7_200_000, "2 h"],
  [700_000_000, "8 d"],
])("an age of %i ms reads %s", (ms, words) => expect(formatAge(ms)).toBe(words));

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1_430, "1.4 KiB"],
  [1024 ** 2 - 1, "1.0 MiB"],
  [157 * 1024 ** 2, "157 MiB"],
])("%i bytes read %s", (bytes, words) => expect(formatBytes(bytes)).toBe(words));

test("counts and digests are short and right", () => {
  expect([plural(1, "server"), plural(0, "server")]).toEqual(["1 server", "0 servers"]);
  expect(shortDigest(`sha256:${"4f1c".repeat(16)}`)).toBe("sha256:4f1c4f1c4f1c");
});

test("columns line up, whatever their colour, and lines end without spaces", () => {
  expect(
    table(
      ["NAME", "STATE", "X"],
      [
        ["a", colour.good("ready"), ""],
        ["longer", "no", "1"],
      ],
    ),
  ).toEqual(["NAME    STATE  X", `a       ${colour.good("ready")}`, "longer  no     1"]);
  expect(
    facts([
      ["size", "1 B"],
      ["digest", "d"],
    ]),
  ).toEqual(["  size    1 B", "  digest  d"]);
  expect(table(["A"], [])).toEqual(["A"]);
});

test("text is cut to the width of the terminal", () => {
  expect(cutTo("abcdef", 6)).toBe("abcdef");
  expect(cutTo(colour.bad("abcdef"), 4)).toBe("abc…");
  expect(visibleWidth(colour.bold("äß"))).toBe(2);
});

test("foreign text cannot move the cursor, ring the bell or begin a line", () => {
  expect(plainText("a\u001b[2Jb\u0007c\nd\u0085e")).toBe("ab c d e");
});

test("colour is for terminals, and NO_COLOR takes it away", () => {
  expect(wantsColour({ TERM: "xterm" }, { isTTY: true })).toBe(true);
  expect(wantsColour({ TERM: "xterm", NO_COLOR: "1" }, { isTTY: true })).toBe(false);
  expect(wantsColour({ TERM: "dumb" }, { isTTY: true })).toBe(false);
  expect(wantsColour({}, {})).toBe(false);
});

test("an error shows every problem with its place, and what to do", () => {
  const error = new KilnError("spec_invalid", "kiln.yaml has 2 mistakes.", {
    hint: "See docs/kiln-yaml.md.",
    problems: [
      {
        place: { file: "kiln.yaml", line: 3, column: 5 },
        message: "Unknown key `pakages`.",
        hint: "Did you mean `packages`?",
      },
      { place: { file: "kiln.yaml" }, message: "`service` is missing." },
    ],
  });
  expect(errorLines(error, plain)).toEqual([
    "error [spec_invalid] kiln.yaml has 2 mistakes.",
    "  kiln.yaml:3:5: Unknown key `pakages`.",
    "    Did you mean `packages`?",
    "  kiln.yaml: `service` is missing.",
    "hint See docs/kiln-yaml.md.",
  ]);
  expect(errorLines("boom", plain)).toEqual(["error [internal] boom"]);
});

test("live lines are written over, and printed lines stay above them", () => {
  const written: string[] = [];
  const area = new LiveArea({ columns: 10, rows: 4, write: (text) => written.push(`${text}`) });
  area.show(["one", "two"]);
  area.show(["one", "two"]); // nothing new, nothing written
  area.show(["a line that is too long"]);
  area.print(["stays"]);
  area.clear();
  expect(written).toEqual([
    "one\ntwo\n",
    "\u001b[2A\r\u001b[Ja line t…\n",
    "\u001b[1A\r\u001b[Jstays\na line t…\n",
    "\u001b[1A\r\u001b[J",
  ]);
});

test("live lines never take more than the terminal has", () => {
  const written: string[] = [];
  const area = new LiveArea({ columns: 80, rows: 3, write: (text) => written.push(`${text}`) });
  area.show(["1", "2", "3", "4"]);
  expect(written).toEqual(["1\n2\n"]);
});
