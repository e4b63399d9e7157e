import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { NewEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import type { UpkeepPolicy } from "../../domain/spec/upkeep-policy.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { insertFailure } from "../rollouts/failures.ts";
import { deleteOldRollouts, selectRunningRollout } from "../rollouts/rollouts.ts";
import { endSuperseded, tellScaled } from "../rollouts/start.ts";
import { deleteUnusedVersions } from "../secrets/secret-versions.ts";
import { holdSource } from "../sources/hold.ts";
import type { Workbench } from "../workbench.ts";
import { deleteUnusedContents } from "./contents.ts";
import { deleteOldReleases } from "./releases.ts";
import { requireService, selectService, unknownService, upsertService } from "./services.ts";

/** Returns the count before. */
export function setCount(bench: Workbench, service: ServiceKey, count: number, by: Asker): number {
  const record = requireService(bench.db, service);
  upsertService(bench.db, { ...record, count });
  tellScaled(bench, service, record.count, count, by);
  return record.count;
}

/** Records how the service is to be rolled out from now on. */
export function setPolicy(
  { db, log }: Workbench,
  service: ServiceKey,
  policy: RolloutPolicy,
  by: Asker,
): void {
  const record = requireService(db, service);
  if (canonicalJson(record.policy) === canonicalJson(policy)) return;
  upsertService(db, { ...record, policy });
  log.append({
    service,
    kind: "service.policy",
    message: `${askerName(by)} changed the rollout settings of ${service}${why(by)}`,
    data: { policy, ...askerData(by) },
  });
}

/** Records what is done about its servers from now on. */
export function setUpkeep(
  { db, log }: Workbench,
  service: ServiceKey,
  upkeep: UpkeepPolicy,
  by: Asker,
): void {
  const record = requireService(db, service);
  if (canonicalJson(record.upkeep) === canonicalJson(upkeep)) return;
  upsertService(db, { ...record, upkeep });
  log.append({
    service,
    kind: "service.upkeep",
    message: `${askerName(by)} changed the drift and age settings of ${service}${why(by)}`,
    data: { upkeep, ...askerData(by) },
  });
}

/** Nothing of the service shall be left: its running rollout ends, and the planner does the rest. */
export function markRemoved(bench: Workbench, service: ServiceKey, by: Asker): void {
  const record = selectService(bench.db, service);
  if (record === undefined) throw unknownService(service);
  if (record.removed) return;
  holdSource(bench, service, by, "removed it");
  const running = selectRunningRollout(bench.db, service);
  if (running) endSuperseded(bench, running, `ended by ${askerName(by)}, who removes the service`, by);
  upsertService(bench.db, { ...record, removed: true });
  const message = `${askerName(by)} removes ${service}${why(by)}`;
  bench.log.append({ service, kind: "service.removing", message, data: askerData(by) });
}

/** Forgets old releases, and old rollouts with them. */
export function prune({ db, log }: Workbench, service: ServiceKey, keep: number): readonly number[] {
  const releases = deleteOldReleases(db, service, keep);
  deleteOldRollouts(db, service);
  deleteUnusedVersions(db, service);
  deleteUnusedContents(db);
  if (releases.length > 0) {
    log.append({
      service,
      kind: "release.pruned",
      message: `${releases.length} old releases of ${service} were forgotten: ${releases.join(", ")}.`,
      data: { releases },
    });
  }
  return releases;
}

/** Keeps why a server was given up; once, however often the platform reports it. */
export function recordFailure({ db, log }: Workbench, service: ServiceKey, failure: ServerFailure): void {
  if (!insertFailure(db, service, failure)) return;
  log.append({
    service,
    kind: "server.failed",
    message: `Server ${failure.id} ${failure.reason}.`,
    data: { server: failure.id, release: failure.release, failure: failure.kind, reason: failure.reason },
  });
}

/** Keeps what was noticed of servers: failures with what helps to understand them, the rest as events alone. */
export function recordServers(
  bench: Workbench,
  news: readonly NewEvent[],
  failures: readonly (readonly [ServiceKey, ServerFailure])[],
): void {
  for (const event of news) bench.log.append(event);
  for (const [service, failure] of failures) recordFailure(bench, service, failure);
}
