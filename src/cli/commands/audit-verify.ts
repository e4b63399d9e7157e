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
  const { report, alteredFile } = replayed;
  const whole = report.finding === undefined && report.accepted.length === 0;
  // A file that somebody has spoilt is no reason not to look at the log.
  const remarks =
    alteredFile === undefined
      ? []
      : [output.style.bad(`${alteredFile} was altered: it does not show what was cut off.`)];
  const value = { whole, ...report, ...(alteredFile === undefined ? {} : { alteredFile }) };
  output.result(value, [...reportLines(replayed, output.style), ...remarks]);
  return report.finding === undefined && alteredFile === undefined ? 0 : 1;
}

function reportLines({ report, given }: ReplayedLog, style: Style): string[] {
  const { finding, last, accepted } = report;
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
    accepted.length === 0
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

function vouchedFor({ keys, signed }: LogReport): string[] {
  if (signed === 0) return ["  No signed checkpoint vouches for it yet."];
  return [
    `  Signed up to entry ${signed}, with ${keys.length === 1 ? "the key" : "the keys"} ${keys.join(", ")}.`,
  ];
}
