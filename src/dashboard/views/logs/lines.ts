/** A line as the page keeps it. */
export interface Line {
  /** Counts the lines that came; no two have the same. */
  readonly n: number;
  readonly atMs: number;
  /** Absent where one server is read. */
  readonly server?: string;
  readonly text: string;
}

/** The page keeps no more, however long it is open. */
export const mostLines = 5_000;

/** By their time, without the oldest that are too many. */
export function append(lines: readonly Line[], more: readonly Line[]): readonly Line[] {
  return [...lines, ...more].toSorted((a, b) => a.atMs - b.atMs || a.n - b.n).slice(-mostLines);
}

/** How many of the lines have come since. */
export function newerThan(held: readonly Line[], lines: readonly Line[]): number {
  const newest = Math.max(-1, ...held.map(({ n }) => n));
  return lines.filter(({ n }) => n > newest).length;
}

export function matching(lines: readonly Line[], q: string): readonly Line[] {
  const wanted = q.toLowerCase();
  if (wanted === "") return lines;
  return lines.filter(({ text, server = "" }) => `${server} ${text}`.toLowerCase().includes(wanted));
}

/** A piece of a line, and the colour that its program gave it. */
export interface Piece {
  readonly text: string;
  readonly tone: Tone | undefined;
}

type Tone = "bad" | "good" | "warn" | "moving" | "drift" | "quiet";

/** Colours of a terminal (ECMA-48, 8.3.117), as the page has them. */
const tones: Readonly<Record<string, Tone>> = {
  ...{ "31": "bad", "91": "bad", "32": "good", "92": "good", "33": "warn", "93": "warn" },
  ...{ "34": "moving", "94": "moving", "36": "moving", "96": "moving", "35": "drift", "95": "drift" },
  ...{ "2": "quiet", "90": "quiet" },
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals obey is taken out
const orders = /\x1b\[([0-9;?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|[\x00-\x08\x0b-\x1f\x7f]/g;

/** What a terminal would show of a line: its words and colours, and nothing that would move or clear. */
export function piecesOf(line: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let tone: Tone | undefined;
  let from = 0;
  const put = (until: number) => {
    if (until > from) pieces.push({ text: line.slice(from, until), tone });
  };
  for (const order of line.matchAll(orders)) {
    put(order.index);
    from = order.index + order[0].length;
    if (order[2] === "m") tone = toneAfter(order[1] ?? "", tone);
  }
  put(line.length);
  return pieces;
}

function toneAfter(codes: string, before: Tone | undefined): Tone | undefined {
  let tone = before;
  for (const code of codes.split(";")) {
    if (code === "" || code === "0" || code === "39") tone = undefined;
    else tone = tones[code] ?? tone;
  }
  return tone;
}
