import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type ExportedCheckpoint, readCheckpoint, readKeptCheckpoint } from "../../audit/checkpoint.ts";
import { type LogReport, verifyLog } from "../../audit/verify-log.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { keyIdOf } from "../../lib/key-id.ts";
import type { Context } from "../context.ts";

/** Files that the log is compared with, in addition to the installation's own checkpoint. */
export interface ReplayOptions {
  readonly checkpoint?: readonly string[];
  readonly key?: readonly string[];
}

/** A report, and the checkpoints that it is based on. */
export interface ReplayedLog {
  readonly report: LogReport;
  /** The checkpoints that the user has named. */
  readonly given: readonly ExportedCheckpoint[];
  /** The installation's own checkpoint, when it was altered: then it proves nothing. */
  readonly alteredFile: string | undefined;
  /** The same, when it is missing: a controller writes the first one when it begins a log. */
  readonly missingFile: string | undefined;
}

/** Replays the whole log. Throws `file_missing`, `checkpoint_invalid`, `usage`. */
export async function replayLog(context: Context, options: ReplayOptions): Promise<ReplayedLog> {
  const { state, signal, cwd } = context;
  const own = readKeptCheckpoint(state.auditCheckpoint);
  const given = (options.checkpoint ?? []).map((file) => readCheckpoint(resolve(cwd, file)));
  const checkpoints = [...(own === undefined || own === "altered" ? [] : [own]), ...given];
  const trusted = (options.key ?? []).flatMap((file) => keysIn(resolve(cwd, file)));
  const report = await verifyLog(state.database, { checkpoints, trusted, signal });
  return {
    ...{ report, given },
    alteredFile: own === "altered" ? state.auditCheckpoint : undefined,
    missingFile: own === undefined && report.end > 0 ? state.auditCheckpoint : undefined,
  };
}

/** The ids of the public keys in a file of PEM blocks. */
function keysIn(file: string): readonly string[] {
  const blocks = textOf(file).match(/-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) throw noKey(file);
  return blocks.map((block) => {
    try {
      return keyIdOf(block);
    } catch {
      throw noKey(file);
    }
  });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw new KilnError("file_missing", `The file ${file} does not exist.`);
    throw error;
  }
}

function noKey(file: string): KilnError {
  return new KilnError("usage", `${file} does not contain a public key in PEM.`, {
    hint: "`kiln audit key` prints one.",
  });
}
