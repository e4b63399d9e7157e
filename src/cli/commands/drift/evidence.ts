import { resolve } from "node:path";
import type { Client, EvidenceReport, EvidenceSummary } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import { isStdout, type OutputFileOptions, writeOutputFile } from "../../output/output-file.ts";
import { plainText, table } from "../../output/text.ts";
import { formatBytes, formatTime } from "../../output/units.ts";

export async function list(context: Context): Outcome {
  const kept = await (await context.connect()).evidence();
  context.output.result(kept, evidenceLines(kept));
  return 0;
}

/** One line per server. */
function evidenceLines(kept: readonly EvidenceSummary[]): string[] {
  if (kept.length === 0) return ["There is no evidence."];
  const rows = kept.map(({ server, release, atMs, bytes, taint, digest }) => [
    ...[server, `${release}`, formatTime(atMs), formatBytes(bytes)],
    ...[digest.slice(0, "sha256:".length + 12), plainText(taint.detail)],
  ]);
  return table(["SERVER", "RELEASE", "KEPT", "SIZE", "DIGEST", "WHAT"], rows);
}

export async function show(context: Context, _options: object, server: string): Outcome {
  const report = await (await context.connect()).evidenceOf({ server });
  context.output.result(report, reportLines(report));
  return 0;
}

/** The last lines of its log that are shown; the archive has more. */
const logLines = 20;

function reportLines(report: EvidenceReport): string[] {
  const { server, release, image, taint, who = "unknown", digest, bytes, atMs, left, missing = [] } = report;
  const about = [
    ["server", server],
    ["release", `${release}, image ${image}`],
    ["found", `${formatTime(taint.atMs)}: ${taint.kind} ${plainText(`${taint.subject}: ${taint.detail}`)}`],
    ["by", plainText(who)],
    ["kept", `${formatTime(atMs)}, ${formatBytes(bytes)}, ${digest}`],
    ...(left.length === 0
      ? []
      : [["left out", `${left.length} paths did not fit: ${plainText(left.join(", "))}`]]),
    ...missing.map((part) => ["missing", plainText(part)]),
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

/** The file is readable only by its owner: the memory of a server may contain private data. */
export async function exportArchive(context: Context, options: OutputFileOptions, server: string): Outcome {
  const { output = `${server}.tar`, force } = options;
  const client = await context.connect();
  if (isStdout(output)) {
    for await (const piece of piecesOf(context, client, server)) context.output.raw(piece);
    return 0;
  }
  const path = resolve(context.cwd, output);
  const bytes = await writeOutputFile(path, { force, mode: 0o600 }, async (write) => {
    let written = 0;
    for await (const piece of piecesOf(context, client, server)) {
      await write(piece);
      written += piece.length;
    }
    return written;
  });
  context.output.result({ server, path, bytes }, [
    `${path} holds the evidence of ${server} (${formatBytes(bytes)}).`,
  ]);
  return 0;
}

async function* piecesOf({ signal }: Context, client: Client, server: string): AsyncGenerator<Buffer> {
  for await (const { data } of client.exportEvidence({ server }, { signal }))
    yield Buffer.from(data, "base64");
}
