import type { ReleaseTraffic } from "../../domain/analysis.ts";
import { parseServerId } from "../../domain/ids.ts";
import type { TargetCounts } from "../../router/router.ts";

/** The counts of all servers of a release, added up. */
export function trafficByRelease(counts: readonly TargetCounts[]): readonly ReleaseTraffic[] {
  const byRelease = Map.groupBy(counts, ({ id }) => parseServerId(id)?.release ?? 0);
  return [...byRelease].map(([release, targets]) =>
    targets.reduce<ReleaseTraffic>(
      (sum, target) => ({
        release,
        requests: sum.requests + target.requests,
        errors: sum.errors + target.errors,
        latency: addUp(sum.latency, target.latency),
      }),
      { release, requests: 0, errors: 0, latency: [] },
    ),
  );
}

function addUp(a: readonly number[], b: readonly number[]): readonly number[] {
  const longer = a.length > b.length ? a : b;
  return longer.map((_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}
