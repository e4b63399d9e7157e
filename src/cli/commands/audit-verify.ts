import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type ExportedCheckpoint, readCheckpoint, readKeptCheckpoint } from "../../audit/checkpoint.ts";
import { keyIdOf } from "../../audit/signing-key.ts";
import { type LogReport, verifyLog } from "../../audit/verify-log.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import type { Context, Outcome } from "../context.ts";
import type { Style } from "../output/style.ts";
import { plainText } from "../output/text.ts";
import { plural } from "../output/units.ts";

interface VerifyOptions {
  readonly checkpoint?: readonly string[];
  readonly key?: readonly string[];
}

/** Needs no controller: the database is read as it is. 1 when the log is not what was written. */
export async function run(context: Context, options: VerifyOptions): Outcome {
  const { state, signal, output, cwd } = context;
  const own = readKeptCheckpoint(state.auditCheckpoint);
  const given = (options.checkpoint ?? []).map((file) => readCheckpoint(resolve(cwd, file)));
  const checkpoints = [...(own === undefined || own === "altered" ? [] : [own]), ...given];
  const trusted = (options.key ?? []).flatMap((file) => keysIn(resolve(cwd, file)));
  const report = await verifyLog(state.database, { checkpoints, trusted, signal });
  const whole = report.finding === undefined;
  // A file that somebody has spoilt is no reason not to look at the log.
  const remarks =
    own === "altered"
      ? [output.style.bad(`${state.auditCheckpoint} was altered: it does not show what was cut off.`)]
      : [];
  const value = { whole, ...report, ...(own === "altered" ? { alteredFile: state.auditCheckpoint } : {}) };
  output.result(value, [...reportLines(report, given, output.style), ...remarks]);
  return whole && own !== "altered" ? 0 : 1;
}

function reportLines(
  { finding, last, signed, keys }: LogReport,
  given: readonly ExportedCheckpoint[],
  style: Style,
): string[] {
  if (finding !== undefined) {
    return [
      style.bad(`The log is not what was written, from entry ${finding.sequence} on.`),
      `  ${plainText(finding.message)}`,
      last.sequence === 0
        ? "  Nothing before it was found right."
        : `  The ${plural(last.sequence, "entry", "entries")} up to ${last.sequence} were found right.`,
    ];
  }
  return [
    style.good(
      `The log is whole: ${plural(last.sequence, "entry", "entries")}, none altered, dropped or moved.`,
    ),
    signed === 0
      ? "  No signed checkpoint vouches for it yet."
      : `  Signed up to entry ${signed}, with ${keys.length === 1 ? "the key" : "the keys"} ${keys.join(", ")}.`,
    ...given.map(
      ({ sequence, atMs }) =>
        `  It has what the checkpoint of ${new Date(atMs).toISOString()} saw: entry ${sequence} and all before.`,
    ),
    ...(last.sequence === 0 ? [] : [`  Last: ${last.digest}`]),
  ];
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
    if (isErrno(error, "ENOENT")) throw new KilnError("file_missing", `There is no file ${file}.`);
    throw error;
  }
}

function noKey(file: string): KilnError {
  return new KilnError("usage", `${file} holds no public key in PEM.`, {
    hint: "`kiln audit key` prints one.",
  });
}
