import type { Readable } from "node:stream";

/**
 * The lines of an answer, in UTF-8, without their ends. One of more than `longest` characters comes in pieces: a server that never ends its line
 * must not fill our memory. A reader that stops ends the answer.
 */
export async function* linesOf(answer: Readable, longest: number): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of answer.setEncoding("utf8")) {
    const lines = `${rest}${chunk}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    for (; rest.length >= longest; rest = rest.slice(longest)) yield rest.slice(0, longest);
  }
  if (rest !== "") yield rest;
}
