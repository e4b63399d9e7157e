import { strict as assert } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import { type Asker, askerName } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import { draftOf } from "../../domain/rollout/release.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { moveSteps } from "../../domain/rollout/steps.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import type { TargetName } from "../../domain/target.ts";
import { KilnError } from "../../lib/errors.ts";
import { selectGivenUp, selectMove, upsertMove } from "../services/moves.ts";
import { selectRelease } from "../services/releases.ts";
import { requireService, upsertService } from "../services/services.ts";
import { requireTarget } from "../targets.ts";
import type { Workbench } from "../workbench.ts";
import { selectOrigin } from "./rollouts.ts";
import { addRelease, addRollout, makeWay } from "./start.ts";

/** A service to be moved to another target. */
export interface StartMove {
  readonly service: ServiceKey;
  readonly target: TargetName;
  /** Whether both targets have the ports of one machine. */
  readonly shared: boolean;
  readonly by: Asker;
  readonly changes?: readonly string[];
  /** What policies say of the release. Absent: there are none. */
  readonly admission?: Admission | undefined;
}

/**
 * Records the rollout, and the release that runs on the new target: the one that serves, under another number. Where its servers are
 * still kept from before, that is their release. Throws `service_unknown`, `service_removing`, `rollout_running`, `target_unknown`, `move_impossible`.
 */
export function startMove(bench: Workbench, start: StartMove): Rollout {
  const { db, clock } = bench;
  const { service, shared, by } = start;
  const record = requireService(db, service);
  const { name: target } = requireTarget(db, start.target);
  makeWay(bench, service, by, false);
  const serving = selectRelease(db, service, record.serving ?? 0);
  assert(serving !== undefined && target !== record.target, "what cannot move is refused before");
  const before = selectMove(db, service);
  if (before !== undefined && before.target !== target) throw stillElsewhere(service, before.target);
  if (selectGivenUp(db, service).some((one) => one.target === target)) throw beingCleared(service, target);
  const kept = before?.keptUntilMs === undefined ? undefined : selectRelease(db, service, before.release);
  const isKept = kept !== undefined && isDeepStrictEqual(draftOf(kept), draftOf(serving));
  const to = isKept ? kept.number : record.lastRelease + 1;
  if (!isKept) {
    const release = { ...serving, number: to, createdAtMs: clock.now(), createdBy: askerName(by) };
    addRelease(bench, release, record.lastRelease, by);
    upsertService(db, { ...record, lastRelease: to });
  }
  upsertMove(db, service, { target, release: to, shared, keptUntilMs: undefined });
  const policy: RolloutPolicy = { ...record.policy, promote: "manual", onFailure: "rollback" };
  const steps = moveSteps(policy, shared);
  const origin = selectOrigin(db, service, serving.number);
  return addRollout(bench, { ...start, kind: "move", from: serving.number, to, policy, steps, origin });
}

function stillElsewhere(service: ServiceKey, target: TargetName): KilnError {
  return new KilnError(
    "move_impossible",
    `${service} still has servers on the target ${target}, which it has left.`,
    {
      hint: `Repeat the command when \`kiln status ${service}\` no longer shows them, or move it back to ${target}. If that target is dead, \`kiln move ${service} --give-up ${target}\` gives them up.`,
      retry: true,
    },
  );
}

function beingCleared(service: ServiceKey, target: TargetName): KilnError {
  return new KilnError(
    "move_impossible",
    `What is left of ${service} on the target ${target}, which was given up, has not been removed yet.`,
    { hint: `Repeat the command when \`kiln status ${service}\` no longer shows it.`, retry: true },
  );
}
