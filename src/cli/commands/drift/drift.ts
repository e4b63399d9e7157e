import type { Client, DriftReport } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { plainText, table } from "../../output/text.ts";
import { formatAge, formatTime } from "../../output/units.ts";
import { isSource, requireStatus } from "../../services.ts";

interface DriftOptions {
  readonly watch?: boolean;
  readonly inspect?: boolean;
}

/** An unknown name is an error: a script that reads the exit code must not take a typing error for good news. */
export async function run(context: Context, options: DriftOptions, target?: string): Outcome {
  const client = await context.connect();
  const which = target === undefined ? {} : await subjectOf(client, target);
  const reports = await reportsOf(client, which, options.inspect ?? false);
  const { output, clock, signal } = context;
  if (!options.watch) {
    output.result(reports, driftLines(reports, clock.now()));
    return reports.length === 0 ? 0 : 1;
  }
  for (const report of reports) output.entry(report, lineOf(report));
  let found = reports.length;
  try {
    for await (const event of client.events({ newest: 0, ...which, follow: true }, { signal })) {
      if (event.kind !== "drift.found") continue;
      found += 1;
      output.entry(event, `${formatTime(event.atMs)}  ${plainText(event.message)}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return found === 0 ? 0 : 1;
}

type Subject = { readonly server?: string; readonly service?: string };

/** A server that is there, or a service. Throws `service_unknown`. */
async function subjectOf(client: Client, target: string): Promise<Subject> {
  if (await isSource(client, target)) return { server: target };
  return { service: (await requireStatus(client, target)).service };
}

async function reportsOf(
  client: Client,
  { server, service }: Subject,
  inspect: boolean,
): Promise<readonly DriftReport[]> {
  const which = server === undefined ? {} : { server };
  const reports = await client.drift({ ...which, ...(inspect ? { inspect } : {}) });
  return service === undefined ? reports : reports.filter((report) => report.service === service);
}

/** One line per difference. */
function driftLines(reports: readonly DriftReport[], nowMs: number): string[] {
  if (reports.length === 0) return ["No drift: every server matches its release."];
  const rows = reports.map((report) => [
    report.server,
    report.kind,
    formatAge(nowMs - report.atMs),
    plainText(report.who ?? "unknown"),
    report.response ?? "ignored",
    plainText(report.detail),
  ]);
  return table(["SERVER", "KIND", "SINCE", "WHO", "RESPONSE", "WHAT"], rows);
}

function lineOf(report: DriftReport): string {
  return `${formatTime(report.atMs)}  ${report.server}: ${plainText(report.detail)}.`;
}
