import type { Asker } from "../../domain/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Release } from "../../domain/release.ts";
import type { DesiredService } from "../../domain/rollout.ts";
import type { RolloutPolicy } from "../../domain/spec.ts";
import { rollbackSteps } from "../../domain/steps.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { requireRollback } from "../operations/checks.ts";
import { differences } from "../operations/differences.ts";
import { requireOneWriter } from "../operations/one-writer.ts";
import type { Accepted } from "../operations.ts";
import type { Change, ChangeParts } from "./change.ts";
import { servingOf } from "./wanted.ts";

interface RollbackRequest {
  readonly service: ServiceKey;
  /** The last good one when undefined. */
  readonly release?: number | undefined;
}

/** Back to a kept release; from the middle of a deploy, the rollout that is running turns back. */
export function rollingBack(
  parts: ChangeParts,
  { service, release }: RollbackRequest,
  by: Asker,
): Change<Accepted> {
  const desired = required(parts.store, service);
  const turning = turningTo(desired, release);
  if (turning !== undefined) {
    return { service, record: (store) => record(store, { service, release: turning }, by) };
  }
  const target = targetOf(parts.store, desired, release);
  return {
    service,
    check: () => requireRollback(parts, target),
    image: target.image,
    // A rollout may have ended while we looked, or the service: the release stays the one that was checked.
    record: (store) => record(store, { service, release: target.number }, by),
  };
}

function record(store: Store, { service, release }: RollbackRequest, by: Asker): Accepted {
  const desired = required(store, service);
  const turning = turningTo(desired, release);
  if (turning !== undefined) {
    return { service, release: turning, rollout: store.abort(service, by).id, scaled: undefined };
  }
  const target = targetOf(store, desired, release);
  const policy = policyOf(store, service);
  requireOneWriter(service, { shape: target.shape, count: desired.count, policy });
  const changes = differences(servingOf(desired), target);
  const steps = rollbackSteps(policy);
  const started = store.startRollback({ service, to: target.number, policy, steps, by, changes });
  return { service, release: target.number, rollout: started.id, scaled: undefined };
}

/** The release to which the running deploy can turn back, if that is the one that is asked for. */
function turningTo({ rollout }: DesiredService, release: number | undefined): number | undefined {
  if (rollout?.kind !== "deploy" || rollout.from === undefined) return undefined;
  return (release ?? rollout.from) === rollout.from ? rollout.from : undefined;
}

function targetOf(store: Store, desired: DesiredService, wanted: number | undefined): Release {
  const number = wanted ?? store.lastGood(desired.service);
  if (number === undefined) {
    throw new KilnError("rollback_impossible", `No earlier release of ${desired.service} has served.`, {
      hint: "`kiln history` lists the releases.",
    });
  }
  if (number === desired.serving) {
    throw new KilnError("rollback_impossible", `Release ${number} of ${desired.service} serves already.`, {
      hint: "Name another one: `kiln history` lists the releases.",
    });
  }
  const release = desired.releases.get(number);
  if (release === undefined) {
    throw new KilnError("release_unknown", `${desired.service} has no release ${number}.`, {
      hint: `Kept are: ${[...desired.releases.keys()].join(", ")}.`,
    });
  }
  return release;
}

function required(store: Store, service: ServiceKey): DesiredService {
  const desired = store.desired(service);
  if (desired !== undefined) return desired;
  throw new KilnError("service_unknown", `There is no service ${service}.`, {
    hint: "`kiln status` lists the services; `kiln deploy` makes one.",
  });
}

function policyOf(store: Store, service: ServiceKey): RolloutPolicy {
  const policy = store.policy(service);
  if (policy !== undefined) return policy;
  throw new KilnError("internal", `${service} has no rollout policy.`);
}
