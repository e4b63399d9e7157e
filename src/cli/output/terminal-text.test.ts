import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { Output } from "./output.ts";
import { createStyle } from "./style.ts";
import { terminalText } from "./terminal-text.ts";

/** Clears the screen, sets the title, answers for the user, conceals, and the same with C1; then a line that reads backwards. */
const hostile = "a\u001b[2J\u001b]0;t\u0007\u001b[6n\u001b[8m\u009b2J\u0090q\u009c\r\b\u007f\u202eb";
/** What a terminal would act on: C0 but tab and line feed, DEL, C1, and what turns the direction of text. */
function orders(text: string): readonly string[] {
  const isOrder = (code: number) =>
    (code < 0x20 && code !== 9 && code !== 10) ||
    (code >= 0x7f && code < 0xa0) ||
    (code >= 0x202a && code <= 0x202e);
  return [...text].filter((character) => isOrder(character.codePointAt(0) ?? 0));
}

function speak(say: (output: Output) => void, { json = false, isTTY = true } = {}): string {
  let said = "";
  const sink = { isTTY, columns: 80, rows: 24, write: (piece: string | Uint8Array) => (said += `${piece}`) };
  say(new Output({ json, env: { NO_COLOR: "1" }, stdout: sink, stderr: sink }));
  return said;
}

test.each<[string, (output: Output) => void]>([
  ["a result", (output) => output.result({ hostile }, [hostile])],
  ["an entry", (output) => output.entry({ hostile }, hostile)],
  ["a log line", (output) => output.foreign({ hostile }, hostile)],
  ["lines", (output) => output.print(hostile)],
  ["a remark", (output) => output.note(hostile)],
  ["a question", (output) => output.prompt(hostile)],
  [
    "an error",
    (output) =>
      output.error(
        new KilnError("server_failed", hostile, { hint: hostile, problems: [{ message: hostile }] }),
      ),
  ],
])("nothing but text goes to a terminal with %s", (_, say) => {
  for (const options of [{}, { json: true }, { isTTY: false, json: true }]) {
    expect(orders(speak(say, options))).toEqual([]);
  }
});

test("redrawn lines are made safe too", () => {
  const drawn = speak((output) => {
    const area = output.liveArea();
    area.show([hostile]);
    area.print([hostile]);
  });
  expect(orders(drawn.replaceAll("\u001b[1A\r\u001b[J", ""))).toEqual([]);
});

test("control characters are shown as text; Kiln's own styles, tabs and other text stay", () => {
  expect(terminalText("\u001b[2Jx\u009b\u202e")).toBe("\\x1b[2Jx\\x9b\\u202e");
  const style = createStyle(true);
  const own = `${style.bold("b")}\t${style.dim("d")} ${style.good("g")} ${style.warn("w")} ${style.bad("x")} é漢🙂`;
  expect(terminalText(own)).toBe(own);
});

test("a log line goes to a pipe as it was written, and JSON means the same", () => {
  expect(speak((output) => output.foreign({}, hostile), { isTTY: false })).toBe(`${hostile}\n`);
  expect(JSON.parse(speak((output) => output.entry({ hostile }, ""), { json: true }))).toEqual({ hostile });
});
