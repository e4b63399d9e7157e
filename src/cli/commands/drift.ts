import type { DriftReport } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText, table } from "../output/text.ts";
import { formatAge, formatTime } from "../output/units.ts";
import { culpritText } from "../people.ts";

interface DriftOptions {
  readonly watch?: boolean;
  readonly inspect?: boolean;
}

export async function run(context: Context, options: DriftOptions, server?: string): Outcome {
  const client = await context.connect();
  const which = server === undefined ? {} : { server };
  const reports = await client.drift({ ...which, ...(options.inspect ? { inspect: true } : {}) });
  const { output, clock, signal } = context;
  if (!options.watch) {
    output.result(reports, driftLines(reports, clock.now()));
    return reports.length === 0 ? 0 : 1;
  }
  for (const report of reports) output.entry(report, lineOf(report));
  let found = reports.length;
  try {
    for await (const event of client.events({ newest: 0, ...which, signal })) {
      if (event.kind !== "drift.found") continue;
      found += 1;
      output.entry(event, `${formatTime(event.atMs)}  ${plainText(event.message)}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return found === 0 ? 0 : 1;
}

/** One line per difference. */
function driftLines(reports: readonly DriftReport[], nowMs: number): string[] {
  if (reports.length === 0) return ["Every server is what it was made as."];
  const rows = reports.map((report) => [
    report.server,
    report.kind,
    formatAge(nowMs - report.atMs),
    plainText(culpritText(report.culprit)),
    report.response ?? "ignored",
    plainText(report.detail),
  ]);
  return table(["SERVER", "KIND", "SINCE", "WHO", "RESPONSE", "WHAT"], rows);
}

function lineOf(report: DriftReport): string {
  return `${formatTime(report.atMs)}  ${report.server}: ${plainText(report.detail)}.`;
}
