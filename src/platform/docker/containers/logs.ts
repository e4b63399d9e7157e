import type { Readable } from "node:stream";
import type { LogLine } from "../../contract/reading.ts";
import { frames } from "../engine/frames.ts";

/** Lines longer than this are given out in pieces: a server that never ends its line must not fill our memory. */
const longestLine = 1024 * 1024;

/**
 * The lines in an answer of `GET /containers/{id}/logs` with `timestamps=1`. The engine cuts a long line into parts, each with
 * a time of its own before it, and only the last one ends with a newline.
 */
export async function* logLines(answer: Readable): AsyncGenerator<LogLine> {
  const begun = new Map<LogLine["stream"], LogLine>();
  for await (const { stream, bytes } of frames(answer)) {
    const part = parsePart(bytes.toString());
    if (part === undefined) continue;
    const before = begun.get(stream);
    const line = { atMs: before?.atMs ?? part.atMs, stream, text: (before?.text ?? "") + part.text };
    const done = part.whole || line.text.length >= longestLine;
    if (done) begun.delete(stream);
    else begun.set(stream, line);
    if (done) yield line;
  }
  yield* begun.values();
}

/** `<RFC 3339 time> <text>`. */
function parsePart(
  text: string,
): { readonly atMs: number; readonly text: string; readonly whole: boolean } | undefined {
  const space = text.indexOf(" ");
  const atMs = Date.parse(text.slice(0, space));
  if (space < 0 || Number.isNaN(atMs)) return undefined;
  const whole = text.endsWith("\n");
  return { atMs, text: text.slice(space + 1, whole ? -1 : undefined), whole };
}
