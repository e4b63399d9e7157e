import type { Asker } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { DesiredService, Rollout } from "../../domain/rollout/rollout.ts";
import { rollbackSteps } from "../../domain/rollout/steps.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Store } from "../../store/store.ts";
import { requireNotRevoked } from "../images/revocations.ts";
import type { Accepted } from "../operations.ts";
import { admit, type Signers, signersOf } from "./admission.ts";
import type { Change, ChangeParts } from "./change.ts";
import { requireRollback } from "./checks.ts";
import { requireReadable, snapshotsFor, volumesThere } from "./data.ts";
import { requireOneWriter } from "./one-writer.ts";
import { differences } from "./plan/differences.ts";
import { servingOf } from "./wanted.ts";

interface RollbackRequest {
  readonly service: ServiceKey;
  /** The last good one when undefined. */
  readonly release?: number | undefined;
  /** Whether its data comes back too. */
  readonly withData?: boolean | undefined;
}

/** Back to a kept release; from the middle of a deploy, the rollout that is running turns back. */
export function rollingBack(
  parts: ChangeParts,
  { service, release, withData = false }: RollbackRequest,
  by: Asker,
): Change<Accepted> {
  const desired = required(parts.store, service);
  const turning = turningTo(desired, release);
  if (turning !== undefined) {
    if (withData) throw noDataOnTheWay(desired);
    return { service, record: (store) => record(store, { service, release: turning }, by) };
  }
  const target = targetOf(parts.store, desired, release);
  let restore: Rollout["restore"];
  let signers: Signers = new Set();
  const admitted = (store: Store) => {
    requireNotRevoked({ ...parts, store }, target.image);
    return admit(store, { target: desired.target, image: target.image, signers, nowMs: parts.clock.now() });
  };
  return {
    service,
    check: async () => {
      const { platform } = parts.targets.of(service);
      const volumes = await volumesThere(platform, service, parts.call());
      if (withData) restore = snapshotsFor(target, volumes);
      else requireReadable(target, volumes, unreadable);
      await requireRollback(parts, target);
      signers = await signersOf(parts, target.image);
      admitted(parts.store);
    },
    image: target.image,
    // A rollout may have ended while we looked, or the service: the release stays the one that was checked.
    record: (store) => record(store, { service, release: target.number, restore, admitted }, by),
  };
}

const unreadable = {
  code: "rollback_impossible",
  hint: "`kiln rollback --with-data` goes back to the data of before as well, and `--plan` with it says what that loses.",
} as const;

/** On its way, the new release may have the volume. */
function noDataOnTheWay({ service, rollout }: DesiredService): KilnError {
  return new KilnError(
    "rollback_impossible",
    `The deploy of ${service} to release ${rollout?.to} is running; data can come back only once it has ended.`,
    {
      hint: "`kiln rollout abort` ends it. `kiln volume restore` brings data back while there are no servers.",
    },
  );
}

interface Recorded {
  readonly service: ServiceKey;
  readonly release: number;
  readonly restore?: Rollout["restore"];
  /** Absent: it turns to servers that are there. */
  readonly admitted?: (store: Store) => Admission | undefined;
}

function record(store: Store, { service, release, restore, admitted }: Recorded, by: Asker): Accepted {
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
  const admission = admitted?.(store);
  const to = target.number;
  const started = store.startRollback({ service, to, policy, steps, by, changes, restore, admission });
  return { service, release: to, rollout: started.id, scaled: undefined, admission };
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
  const { move } = desired;
  if (move?.release === number) {
    throw new KilnError(
      "rollback_impossible",
      `Release ${number} of ${desired.service} is on ${move.target}.`,
      {
        hint: `\`kiln move ${desired.service} --target ${move.target}\` moves it back there while its servers are kept. \`kiln history\` lists other releases.`,
      },
    );
  }
  const release = desired.releases.get(number);
  if (release === undefined) {
    throw new KilnError("release_unknown", `${desired.service} has no release ${number}.`, {
      hint: `There are: ${[...desired.releases.keys()].join(", ")}.`,
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
