import type { ServiceKey } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import { mostServers } from "../../domain/volume.ts";
import { selectAllRunningRollouts, selectRunningRollout } from "../rollouts/rollouts.ts";
import { selectAllWarm, selectWarm } from "../rollouts/warm.ts";
import { selectAllRuns, selectRuns } from "../runs.ts";
import type { Database } from "../sqlite/database.ts";
import { selectAllOpenTaints, selectOpenTaints, selectSuspension } from "../taints.ts";
import { selectAllGivenUp, selectAllMoves, selectMove } from "./moves.ts";
import { selectAllReleases, selectReleases } from "./releases.ts";
import { type ServiceRecord, selectAllServices, selectService } from "./services.ts";

/** What is desired of one service; undefined when there is none of that name. */
export function selectDesired(db: Database, service: ServiceKey): DesiredService | undefined {
  const record = selectService(db, service);
  if (record === undefined) return undefined;
  return toDesired(record, {
    releases: selectReleases(db, service),
    rollout: selectRunningRollout(db, service),
    warm: selectWarm(db, service),
    move: selectMove(db, service),
    givenUp: selectAllGivenUp(db).get(service),
    taints: selectOpenTaints(db, service),
    runs: selectRuns(db, service),
    suspendedUntilMs: selectSuspension(db),
  });
}

/** What is desired of every service: eight queries, however many services there are. */
export function selectAllDesired(db: Database): readonly DesiredService[] {
  const releases = Map.groupBy(selectAllReleases(db), (release) => release.service);
  const rollouts = new Map(selectAllRunningRollouts(db).map((rollout) => [rollout.service, rollout]));
  const warm = Map.groupBy(selectAllWarm(db), (entry) => entry.service);
  const taints = Map.groupBy(selectAllOpenTaints(db), (taint) => taint.service);
  const runs = selectAllRuns(db);
  const moves = selectAllMoves(db);
  const givenUp = selectAllGivenUp(db);
  const suspendedUntilMs = selectSuspension(db);
  return selectAllServices(db).map((record) => {
    const { service } = record;
    return toDesired(record, {
      releases: releases.get(service) ?? [],
      rollout: rollouts.get(service),
      warm: (warm.get(service) ?? []).map(({ release, untilMs }) => ({ release, untilMs })),
      taints: (taints.get(service) ?? []).map(({ taint }) => taint),
      runs: runs.get(service) ?? [],
      move: moves.get(service),
      givenUp: givenUp.get(service),
      suspendedUntilMs,
    });
  });
}

function toDesired(
  record: ServiceRecord,
  rest: Pick<
    DesiredService,
    "rollout" | "warm" | "move" | "givenUp" | "taints" | "runs" | "suspendedUntilMs"
  > & {
    readonly releases: readonly Release[];
  },
): DesiredService {
  const { strategy, drainMs, unavailable } = record.policy;
  const releases = new Map(rest.releases.map((release) => [release.number, release]));
  const most = mostOf(releases.get(leading(record, rest.rollout) ?? 0));
  return {
    ...rest,
    service: record.service,
    target: record.target,
    count: Math.min(record.count, most),
    releases,
    serving: record.serving,
    drainMs,
    upkeep: record.upkeep,
    unavailable: strategy === "rolling" ? unavailable : 0,
    // Until it has ended, a rollout goes by its own strategy.
    alone: strategy === "recreate" || (rest.rollout === undefined && most === 1),
    removed: record.removed,
  };
}

/** The release that is to serve, as things stand. */
function leading({ serving }: ServiceRecord, rollout: DesiredService["rollout"]): number | undefined {
  if (rollout === undefined) return serving;
  return rollout.phase === "back" ? rollout.from : rollout.to;
}

/**
 * A way back may lead to a release of which one server at a time can have its data, from one of which there are more: number
 * and strategy belong to the service, so they are what the failed deploy has asked for.
 */
function mostOf(release: Release | undefined): number {
  return release === undefined ? Number.POSITIVE_INFINITY : mostServers(release.shape);
}
