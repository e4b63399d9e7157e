import type { RecordedAcceptance } from "../../audit/acceptance.ts";
import type { LogReport } from "../../audit/verify-log.ts";
import { type ReplayedLog, type ReplayOptions, replayLog } from "../audit/replay-log.ts";
import type { Context, Outcome } from "../context.ts";
import type { Style } from "../output/style.ts";
import { plainText } from "../output/text.ts";
import { plural } from "../output/units.ts";

/**
 * Needs no controller: the database is read as it is. 1 when the log is not what was written, and nobody has accepted that.
 */
export async function run(context: Context, options: ReplayOptions): Outcome {
  const { output } = context;
  const replayed = await replayLog(context, options);
  const { report, alteredFile, missingFile } = replayed;
  const isProven = report.signed > 0 || report.end === 0;
  const whole = isProven && report.finding === undefined && report.accepted.length === 0;
  // A file that somebody has spoilt is no reason not to look at the log.
  const remarks = [
    ...(alteredFile === undefined ? [] : [`${alteredFile} was altered: it does not show what was cut off.`]),
    ...(missingFile === undefined ? [] : [`${missingFile} is missing: nothing shows what was cut off.`]),
  ];
  const value = {
    ...{ whole, ...report },
    ...(alteredFile === undefined ? {} : { alteredFile }),
    ...(missingFile === undefined ? {} : { missingFile }),
  };
  output.result(value, [...reportLines(replayed, output.style), ...remarks.map(output.style.bad)]);
  return report.finding === undefined && remarks.length === 0 ? 0 : 1;
}

function reportLines({ report, given }: ReplayedLog, style: Style): string[] {
  const { finding, last, accepted, signed } = report;
  const known = accepted.flatMap((acceptance) => acceptedLines(acceptance, style));
  if (finding !== undefined) {
    const but = accepted.length === 0 ? "" : ", but for what was accepted";
    return [
      style.bad(`The log is not what was written, from entry ${finding.sequence} on.`),
      `  ${plainText(finding.message)}`,
      last.sequence === 0
        ? "  Nothing before it was found right."
        : `  The ${plural(last.sequence, "entry", "entries")} up to ${last.sequence} were found right${but}.`,
      ...known,
    ];
  }
  const entries = plural(last.sequence, "entry", "entries");
  return [
    signed === 0 && last.sequence > 0 && accepted.length === 0
      ? style.warn(`The log fits together: ${entries}. Nothing proves that it is the one that was written.`)
      : accepted.length === 0
        ? style.good(`The log is whole: ${entries}, none altered, dropped or moved.`)
        : style.warn(
            `The log is not what was written, and all of that is known: ${entries}, nothing else found.`,
          ),
    ...known,
    ...vouchedFor(report),
    ...given.map(
      ({ sequence, atMs }) =>
        `  It has what the checkpoint of ${new Date(atMs).toISOString()} saw: entry ${sequence} and all before.`,
    ),
    ...(last.sequence === 0 ? [] : [`  Last: ${last.digest}`]),
  ];
}

function acceptedLines(
  { atMs, breaks, by, first, reason, sequence }: RecordedAcceptance,
  style: Style,
): string[] {
  const where = first === undefined ? "" : `, first in entry ${first}`;
  return [
    `  ${plural(breaks.length, "place")}${where}: accepted by ${plainText(by)}, ${new Date(atMs).toISOString()}, in entry ${sequence}.`,
    style.dim(`    ${plainText(reason)}`),
  ];
}

/** What is proven, and what is not. */
function vouchedFor({ keys, signed, end, overdue }: LogReport): string[] {
  if (end === 0) return [];
  const holes = overdue.map(
    ({ from, to }) =>
      `  A checkpoint is missing among entries ${from} to ${to}: one is due after 1,000 entries or an hour. It was taken away, or the controller could not sign or was ended without one.`,
  );
  if (signed === 0) {
    return [
      "  No signed checkpoint vouches for it: whoever could write to the database could have written all of it anew.",
      ...holes,
    ];
  }
  const open =
    end > signed ? ` Entries after ${signed} could be written anew unseen until the next checkpoint.` : "";
  return [
    `  Signed up to entry ${signed}, with ${keys.length === 1 ? "the key" : "the keys"} ${keys.join(", ")}.${open}`,
    ...holes,
  ];
}
