import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { RecordChange } from "../../domain/rollout/actions.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
import { selectService } from "../services/services.ts";
import type { Workbench } from "../workbench.ts";
import { applyChange } from "./apply.ts";
import { giveUp } from "./give-up.ts";
import { selectNewestRollouts, selectOrigin, selectRollout, selectRollouts } from "./rollouts.ts";
import { requireWay, type StartDeploy, type StartRollback, startDeploy, startRollback } from "./start.ts";
import { type StartMove, startMove } from "./start-move.ts";
import { abort, pause, promote, resume } from "./steer.ts";

/** Rollouts, from their start to their end. */
export interface RolloutStore {
  /** Whether `startDeploy` would be refused. Records nothing. Throws `rollout_running`, `service_removing`. */
  requireWay(service: ServiceKey, supersede: boolean): void;
  /** Throws `rollout_running`, `service_removing`, `target_unknown`. */
  startDeploy(start: StartDeploy): Rollout;
  /** Throws `service_unknown`, `service_removing`, `release_unknown`, `rollout_running`. */
  startRollback(start: StartRollback): Rollout;
  /** Throws `service_unknown`, `service_removing`, `rollout_running`, `target_unknown`, `move_impossible`. */
  startMove(start: StartMove): Rollout;
  /** Throws `service_unknown`, `target_unknown`, `rollout_running`, `move_impossible`. */
  giveUp(service: ServiceKey, target: TargetName, by: Asker): void;
  /** Records what the planner decided for a target (absent: where the service is); false when something has happened since that makes it void. */
  apply(service: ServiceKey, change: RecordChange, reason: string, at?: TargetName): boolean;
  /** Turns the running rollout back; one that is on its way back already is returned as it is. Throws `rollout_none`. */
  abort(service: ServiceKey, by: Asker): Rollout;
  /** Stops it where it is; one that is paused already is returned as it is. Throws `rollout_none`. */
  pause(service: ServiceKey, by: Asker): Rollout;
  /** Continues a paused rollout. Throws `rollout_none`. */
  resume(service: ServiceKey, by: Asker): Rollout;
  /** Skips the rest of the present step's hold. Throws `rollout_none`. */
  promote(service: ServiceKey, by: Asker): Rollout;
  rollout(id: number): Rollout | undefined;
  /** Newest first; the newest 100 without `limit`. */
  rollouts(service: ServiceKey, limit?: number): readonly Rollout[];
  /** The newest one of each service: at once, because an overview of many services asks for all. */
  newestRollouts(): ReadonlyMap<ServiceKey, Rollout>;
  /** The git commit that the serving release was deployed from; undefined where that is not known. */
  servingCommit(service: ServiceKey): string | undefined;
}

export function rolloutStore(bench: Workbench): RolloutStore {
  const { db } = bench;
  return {
    requireWay: (service, supersede) => requireWay(bench, service, supersede),
    startDeploy: (start) => db.transaction(() => startDeploy(bench, start)),
    startRollback: (start) => db.transaction(() => startRollback(bench, start)),
    startMove: (start) => db.transaction(() => startMove(bench, start)),
    giveUp: (service, target, by) => db.transaction(() => giveUp(bench, service, target, by)),
    apply: (service, change, reason, at) =>
      db.transaction(() => applyChange(bench, service, change, reason, at)),
    abort: (service, by) => db.transaction(() => abort(bench, service, by)),
    pause: (service, by) => db.transaction(() => pause(bench, service, by)),
    resume: (service, by) => db.transaction(() => resume(bench, service, by)),
    promote: (service, by) => db.transaction(() => promote(bench, service, by)),
    rollout: (id) => selectRollout(db, id),
    rollouts: (service, limit = 100) => selectRollouts(db, service, limit),
    newestRollouts: () => new Map(selectNewestRollouts(db).map((rollout) => [rollout.service, rollout])),
    servingCommit: (service) => {
      const { serving } = selectService(db, service) ?? {};
      return serving === undefined ? undefined : selectOrigin(db, service, serving)?.commit;
    },
  };
}
