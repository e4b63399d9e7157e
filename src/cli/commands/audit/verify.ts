import type { RecordedAcceptance } from "../../../audit/acceptance.ts";
import type { LogReport } from "../../../audit/verify-log.ts";
import { type ReplayedLog, type ReplayOptions, replayLog } from "../../audit/replay-log.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { plainText } from "../../output/text.ts";
import { plural } from "../../output/units.ts";

/**
 * Needs no controller: the database is read as it is. Exit code 1 when the log was altered and no one has accepted that.
 */
export async function run(context: Context, options: ReplayOptions): Outcome {
  const { output } = context;
  const replayed = await replayLog(context, options);
  const { report, alteredFile, missingFile } = replayed;
  const isProven = report.signed > 0 || report.end === 0;
  const whole = isProven && report.finding === undefined && report.accepted.length === 0;
  // The log is checked even when the checkpoint file is damaged.
  const remarks = [
    ...(alteredFile === undefined
      ? []
      : [`${alteredFile} was altered, so it cannot show whether entries were cut off.`]),
    ...(missingFile === undefined
      ? []
      : [`${missingFile} is missing, so nothing can show whether entries were cut off.`]),
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
    const but = accepted.length === 0 ? "" : ", except for what was accepted";
    return [
      style.bad(`The log was altered from entry ${finding.sequence} on.`),
      `  ${plainText(finding.message)}`,
      last.sequence === 0
        ? "  No earlier entry could be verified."
        : `  Verified: ${plural(last.sequence, "entry", "entries")} up to ${last.sequence}${but}.`,
      ...known,
    ];
  }
  const entries = plural(last.sequence, "entry", "entries");
  return [
    signed === 0 && last.sequence > 0 && accepted.length === 0
      ? style.warn(`The log is consistent: ${entries}. Nothing proves that it is the original log.`)
      : accepted.length === 0
        ? style.good(`The log is whole: ${entries}, none altered, dropped or moved.`)
        : style.warn(
            `The log was altered; all changes are acknowledged: ${entries}, no other problem found.`,
          ),
    ...known,
    ...vouchedFor(report),
    ...given.map(
      ({ sequence, atMs }) =>
        `  It matches the checkpoint of ${new Date(atMs).toISOString()}: entry ${sequence} and all earlier ones.`,
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

/** What the checkpoints prove, and what they do not. */
function vouchedFor({ keys, signed, end, overdue }: LogReport): string[] {
  if (end === 0) return [];
  const holes = overdue.map(
    ({ from, to }) =>
      `  A checkpoint is missing among entries ${from} to ${to}: one is due after 1,000 entries or an hour. It was removed, or the controller could not sign or was killed before it could.`,
  );
  if (signed === 0) {
    return [
      "  No signed checkpoint covers it: anyone who could write to the database could have rewritten all of it.",
      ...holes,
    ];
  }
  const open =
    end > signed ? ` Entries after ${signed} could be rewritten unnoticed until the next checkpoint.` : "";
  return [
    `  Signed up to entry ${signed}, with ${keys.length === 1 ? "the key" : "the keys"} ${keys.join(", ")}.${open}`,
    ...holes,
  ];
}
