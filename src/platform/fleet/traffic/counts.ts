import type { TrafficCounter } from "../../../domain/traffic/traffic.ts";
import type { UpstreamCounts } from "../../../router/router.ts";
import { parseServerId } from "../server-id.ts";

/** The router counts for each server: the server's id names the counter. */
export function countersOf(counts: readonly UpstreamCounts[]): readonly TrafficCounter[] {
  return counts.flatMap((counted) => {
    const name = parseServerId(counted.id);
    return name === undefined ? [] : [{ ...counted, service: name.service, release: name.release }];
  });
}
