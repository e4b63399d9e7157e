import { resolve } from "node:path";
import { genesis, lineOf } from "../../../audit/entry.ts";
import { readEntries } from "../../../audit/read-entries.ts";
import type { Context, Outcome } from "../../context.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../../output/output-file.ts";
import { plural } from "../../output/units.ts";

/** Lines are written in pieces of about this size. */
const pieceLength = 256 * 1024;

/** Needs no controller. The log is exported unchecked: verifying the export finds its problems. */
export async function exportLog(context: Context, options: OutputFileOptions): Outcome {
  const { output, cwd, state, signal } = context;
  const { output: file = "-", force } = options;
  if (isStdout(file)) {
    for (const { piece } of pieces(state.database)) {
      signal.throwIfAborted();
      output.raw(piece);
    }
    return 0;
  }
  const path = resolve(cwd, file);
  const last = await writeOutputFile(path, { force, mode: 0o600 }, async (write) => {
    let upTo = { entries: 0, digest: genesis.digest };
    for (const { piece, ...reached } of pieces(state.database)) {
      signal.throwIfAborted();
      await write(piece);
      upTo = reached;
    }
    return upTo;
  });
  output.result({ ...last, output: path }, [
    `${plural(last.entries, "entry", "entries")} written to ${path}.`,
    `  Last: ${last.digest}`,
  ]);
  return 0;
}

interface Piece {
  readonly piece: string;
  /** How many entries so far. */
  readonly entries: number;
  /** Digest of the last entry. */
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

export async function checkpoint(context: Context, { output = "-", force }: OutputFileOptions): Outcome {
  const client = await context.connect();
  if (isStdout(output)) {
    const checkpoint = await client.checkpoint();
    context.output.result(checkpoint, [textOf(checkpoint)]);
    return 0;
  }
  const path = resolve(context.cwd, output);
  const checkpoint = await writeOutputFile(path, { force }, async (write) => {
    const made = await client.checkpoint();
    await write(`${textOf(made)}\n`);
    return made;
  });
  context.output.result({ ...checkpoint, output: path }, [
    `The log up to entry ${checkpoint.sequence} is signed in ${path}.`,
    "  Keep it on another machine: `kiln audit verify --checkpoint FILE` then detects entries that were cut off or rewritten.",
  ]);
  return 0;
}

function textOf(checkpoint: object): string {
  return JSON.stringify(checkpoint, null, 2);
}
