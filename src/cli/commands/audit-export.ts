import { closeSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { genesis, lineOf } from "../../audit/entry.ts";
import { readEntries } from "../../audit/read-entries.ts";
import type { Context, Outcome } from "../context.ts";
import { plural } from "../output/units.ts";

interface ExportOptions {
  readonly output?: string;
}

/** Lines are handed on in pieces of about this size. */
const pieceLength = 256 * 1024;

/** Needs no controller. The log goes out as it is: whoever verifies it finds what is wrong with it. */
export async function run(context: Context, options: ExportOptions): Outcome {
  const { output, cwd, state, signal } = context;
  if (options.output === undefined) {
    for (const { piece } of pieces(state.database)) {
      signal.throwIfAborted();
      output.raw(piece);
    }
    return 0;
  }
  const path = resolve(cwd, options.output);
  const file = openSync(path, "w", 0o600);
  let last = { entries: 0, digest: genesis.digest };
  try {
    for (const { piece, ...upTo } of pieces(state.database)) {
      signal.throwIfAborted();
      writeSync(file, piece);
      last = upTo;
    }
  } finally {
    closeSync(file);
  }
  output.result({ ...last, output: path }, [
    `${plural(last.entries, "entry", "entries")} written to ${path}.`,
    `  Last: ${last.digest}`,
  ]);
  return 0;
}

interface Piece {
  readonly piece: string;
  /** How many so far. */
  readonly entries: number;
  /** Of the last of them. */
  readonly digest: string;
}

function* pieces(database: string): Generator<Piece> {
  let piece = "";
  let entries = 0;
  let digest = genesis.digest;
  for (const entry of readEntries(database)) {
    piece += `${lineOf(entry)}\n`;
    entries += 1;
    digest = entry.digest;
    if (piece.length < pieceLength) continue;
    yield { piece, entries, digest };
    piece = "";
  }
  if (piece !== "") yield { piece, entries, digest };
}
