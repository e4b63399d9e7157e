import type { LogLine } from "../../platform/contract/reading.ts";

/** How the lines of one server are read. */
export interface Reading {
  /** Only so many of the last lines of those that are wanted otherwise. */
  readonly tail?: number | undefined;
  readonly follow?: boolean | undefined;
  /** Only lines from this moment on, in the server's own time. */
  readonly since?: number | undefined;
  /** Only lines that contain this text. */
  readonly grep?: string | undefined;
}

type Read = (how: Pick<Reading, "tail" | "follow">) => AsyncIterable<LogLine>;

/** The wanted lines of what `read` gives. A platform itself knows neither times nor texts. */
export async function* chosenLines(read: Read, how: Reading): AsyncGenerator<LogLine> {
  const { tail, follow, since = Number.NEGATIVE_INFINITY, grep = "" } = how;
  if (how.since === undefined && how.grep === undefined) return yield* read({ tail, follow });
  const isWanted = ({ atMs, text }: LogLine) => atMs >= since && text.includes(grep);
  if (tail === undefined) return yield* only(read({ follow }), isWanted);
  const past = new Past();
  const last: LogLine[] = [];
  for await (const line of read({})) {
    past.add(line);
    if (isWanted(line)) last.push(line);
    if (last.length > 2 * tail + 100) last.splice(0, last.length - tail);
  }
  yield* last.slice(Math.max(0, last.length - tail));
  if (follow) yield* only(read({ follow }), (line) => !past.take(line) && isWanted(line));
}

async function* only(
  lines: AsyncIterable<LogLine>,
  isWanted: (line: LogLine) => boolean,
): AsyncGenerator<LogLine> {
  for await (const line of lines) if (isWanted(line)) yield line;
}

/** What was read already, whatever of it was thrown away since: up to a moment, and how many lines of that moment. */
class Past {
  #lastMs = Number.NEGATIVE_INFINITY;
  #atLast = 0;

  add({ atMs }: LogLine): void {
    this.#atLast = atMs > this.#lastMs ? 1 : this.#atLast + (atMs === this.#lastMs ? 1 : 0);
    this.#lastMs = Math.max(atMs, this.#lastMs);
  }

  /** Whether the line is of what was read. Lines come in the order in which they were added. */
  take({ atMs }: LogLine): boolean {
    if (atMs !== this.#lastMs) return atMs < this.#lastMs;
    this.#atLast -= 1;
    return this.#atLast >= 0;
  }
}
