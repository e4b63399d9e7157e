import type { EvidenceSummary } from "../api.ts";
import type { Context, Outcome } from "../context.ts";
import { plainText, table } from "../output/text.ts";
import { formatBytes, formatTime } from "../output/units.ts";

export async function run(context: Context): Outcome {
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
