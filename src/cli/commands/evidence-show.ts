import type { EvidenceReport } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText, table } from "../output/text.ts";
import { formatBytes, formatTime } from "../output/units.ts";

export async function run(context: Context, _options: object, server: string): Outcome {
  const report = await (await context.connect()).evidenceOf({ server });
  context.output.result(report, reportLines(report));
  return 0;
}

/** The last lines of its log that are shown; the archive has more. */
const logLines = 20;

function reportLines(report: EvidenceReport): string[] {
  const { server, release, image, taint, who = "unknown", digest, bytes, atMs, left } = report;
  const about = [
    ["server", server],
    ["release", `${release}, image ${image}`],
    ["found", `${formatTime(taint.atMs)}: ${taint.kind} ${plainText(`${taint.subject}: ${taint.detail}`)}`],
    ["by", plainText(who)],
    ["kept", `${formatTime(atMs)}, ${formatBytes(bytes)}, ${digest}`],
    ...(left.length === 0
      ? []
      : [["left out", `${left.length} paths did not fit: ${plainText(left.join(", "))}`]]),
  ];
  const processes = report.processes.map((process) => [
    ...[`${process.pid}`, `${process.parent}`, `${process.uid}`, process.own ? "" : "foreign"],
    ...[plainText(process.executable ?? "-"), plainText(process.argv.join(" "))],
  ]);
  const { transcripts = [] } = report;
  if (transcripts.length > 0) about.push(["sessions", transcripts.join(", ")]);
  return [
    ...table([], about),
    ...["", "Processes", ...table(["PID", "PARENT", "UID", "", "PROGRAM", "ARGUMENTS"], processes)],
    ...["", "Mounts", ...report.mounts.map((line) => `  ${plainText(line)}`)],
    ...["", "Last lines", ...report.log.slice(-logLines).map((line) => `  ${plainText(line)}`)],
    "",
    `\`kiln evidence export ${server}\` writes all of it, including files and sockets.`,
  ];
}
