import type { ServiceKey } from "../domain/ids.ts";
import type { Release } from "../domain/release.ts";
import type { DesiredService, Rollout, WarmRelease } from "../domain/rollout.ts";
import type { Database } from "./database.ts";
import { selectAllReleases, selectReleases } from "./releases.ts";
import { selectAllRunningRollouts, selectRunningRollout } from "./rollouts.ts";
import { type ServiceRecord, selectAllServices, selectService } from "./services.ts";
import { selectAllWarm, selectWarm } from "./warm.ts";

/** What is desired of one service; undefined when there is none of that name. */
export function selectDesired(db: Database, service: ServiceKey): DesiredService | undefined {
  const record = selectService(db, service);
  if (record === undefined) return undefined;
  return toDesired(
    record,
    selectReleases(db, service),
    selectRunningRollout(db, service),
    selectWarm(db, service),
  );
}

/** What is desired of every service: four queries, however many services there are. */
export function selectAllDesired(db: Database): readonly DesiredService[] {
  const releases = Map.groupBy(selectAllReleases(db), (release) => release.service);
  const rollouts = new Map(selectAllRunningRollouts(db).map((rollout) => [rollout.service, rollout]));
  const warm = Map.groupBy(selectAllWarm(db), (entry) => entry.service);
  return selectAllServices(db).map((record) => {
    const { service } = record;
    const kept = (warm.get(service) ?? []).map(({ release, untilMs }) => ({ release, untilMs }));
    return toDesired(record, releases.get(service) ?? [], rollouts.get(service), kept);
  });
}

function toDesired(
  record: ServiceRecord,
  releases: readonly Release[],
  rollout: Rollout | undefined,
  warm: readonly WarmRelease[],
): DesiredService {
  return {
    service: record.service,
    count: record.count,
    releases: new Map(releases.map((release) => [release.number, release])),
    serving: record.serving,
    rollout,
    warm,
    drainMs: record.policy.drainMs,
    removed: record.removed,
  };
}
