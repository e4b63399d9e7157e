import { type Asker, askerName } from "../domain/actor.ts";
import type { ServiceKey } from "../domain/ids.ts";
import type { Release } from "../domain/release.ts";
import type { DesiredService, Rollout } from "../domain/rollout.ts";
import type { RolloutPolicy } from "../domain/spec.ts";
import { compileSteps, rollbackSteps } from "../domain/steps.ts";
import type { Clock } from "../lib/clock.ts";
import { KilnError } from "../lib/errors.ts";
import type { Call, Platform } from "../platform/platform.ts";
import type { Store } from "../store/store.ts";
import { askerOf } from "./asker.ts";
import { requireBeginning, requireDeployable, requireRollback } from "./checks.ts";
import { differences } from "./differences.ts";
import { requireExpected } from "./expected.ts";
import type { Images } from "./images.ts";
import type { Loop } from "./loop.ts";
import type { Accepted, DeployRequest, Operations, Who } from "./operations.ts";
import { newPolicies } from "./policy-differences.ts";
import { previewDeploy } from "./preview-deploy.ts";
import { freeze } from "./release-content.ts";

export interface CommandParts {
  readonly store: Store;
  readonly platform: Platform;
  readonly images: Images;
  readonly clock: Clock;
  readonly loop: Pick<Loop, "poke" | "observe">;
  readonly call: () => Call;
}

/** The operations that change something: each checks, records, and leaves the doing to the loop. */
export function createCommands(
  parts: CommandParts,
): Pick<
  Operations,
  "check" | "deploy" | "preview" | "rollback" | "scale" | "remove" | "abort" | "pause" | "resume" | "promote"
> {
  return {
    check: async (request) => {
      await requireBeginning(parts, request);
      return { commit: parts.store.servingCommit(request.service) };
    },
    deploy: (request, who) => deploy(parts, request, askerOf(request, who)),
    preview: (request, who) => previewDeploy(parts, request, askerOf(request, who)),
    rollback: (request, who) => rollback(parts, request, askerOf(request, who)),
    scale: (request, who) => scale(parts, request, askerOf(request, who)),
    remove: async (request, who) => {
      requireExpected(parts.store, request);
      parts.store.markRemoved(request.service, askerOf(request, who));
      parts.loop.poke(request.service);
    },
    abort: steering(parts, parts.store.abort),
    pause: steering(parts, parts.store.pause),
    resume: steering(parts, parts.store.resume),
    promote: steering(parts, parts.store.promote),
  };
}

/** What a person does to the running rollout. */
function steering({ store, loop }: CommandParts, change: (service: ServiceKey, by: Asker) => Rollout) {
  return async (request: Parameters<Operations["abort"]>[0], who: Who): Promise<Rollout> => {
    requireExpected(store, request);
    const rollout = change(request.service, askerOf(request, who));
    loop.poke(request.service);
    return rollout;
  };
}

async function deploy(parts: CommandParts, request: DeployRequest, by: Asker): Promise<Accepted> {
  const { store, loop } = parts;
  const { service, count, policy } = request;
  await requireDeployable(parts, service, request.draft);
  await parts.platform.publish?.({ service, image: request.draft.image }, parts.call());
  // Another deploy may have come while we looked, or another version of a secret.
  requireExpected(store, request);
  const { draft, contents } = freeze(store, service, request.draft);
  const release = store.draftRelease(service, draft, askerName(by));
  const desired = store.desired(service);
  const running = desired?.rollout;
  if (running?.to === release.number && running.phase === "forward") {
    return { service, release: release.number, rollout: running.id, ...adopt(parts, request, by) };
  }
  if (running === undefined && desired?.serving === release.number) {
    return { service, release: release.number, rollout: undefined, ...adopt(parts, request, by) };
  }
  if (running !== undefined && request.supersede && desired?.serving === release.number) {
    // What is asked for serves already: the rollout that leads away from it turns back.
    const turned = store.abort(service, by);
    return { service, release: release.number, rollout: turned.id, ...adopt(parts, request, by) };
  }
  const before = desired?.count;
  const adopted = newPolicies(store, request);
  const steps = compileSteps(policy, count, desired?.serving === undefined);
  const supersede = request.supersede ?? false;
  const serving = desired?.serving === undefined ? undefined : desired.releases.get(desired.serving);
  const changes = [...differences(serving, draft), ...adopted];
  const { origin, commits } = request;
  const upkeep = request.upkeep === undefined ? {} : { upkeep: request.upkeep };
  const start = {
    ...upkeep,
    release,
    contents,
    count,
    policy,
    steps,
    by,
    supersede,
    origin,
    commits,
    changes,
  };
  const rollout = store.startDeploy(start);
  loop.poke(service);
  const scaled = before === undefined || before === count ? undefined : { from: before, to: count };
  return { service, release: release.number, rollout: rollout.id, scaled, adopted };
}

/** Takes over what needs no other release: how many servers, how they are rolled out and what is done about them. */
function adopt(parts: CommandParts, request: DeployRequest, by: Asker): Pick<Accepted, "scaled" | "adopted"> {
  const { store } = parts;
  const { service, count, policy, upkeep } = request;
  const adopted = newPolicies(store, request);
  store.setPolicy(service, policy, by);
  if (upkeep !== undefined) store.setUpkeep(service, upkeep, by);
  return { scaled: setCount(parts, service, count, by), adopted };
}

function setCount(
  { store, loop }: CommandParts,
  service: ServiceKey,
  count: number,
  by: Asker,
): Accepted["scaled"] {
  const from = store.setCount(service, count, by);
  loop.poke(service);
  return from === count ? undefined : { from, to: count };
}

async function scale(
  parts: CommandParts,
  request: Parameters<Operations["scale"]>[0],
  by: Asker,
): Promise<Accepted> {
  const { service, count } = request;
  requireExpected(parts.store, request);
  const scaled = setCount(parts, service, count, by);
  const desired = parts.store.desired(service);
  const release = desired?.rollout?.to ?? desired?.serving ?? 0;
  return { service, release, rollout: desired?.rollout?.id, scaled };
}

async function rollback(
  parts: CommandParts,
  request: Parameters<Operations["rollback"]>[0],
  by: Asker,
): Promise<Accepted> {
  const { service, release } = request;
  requireExpected(parts.store, request);
  const { store, loop } = parts;
  const desired = required(store, service);
  const { rollout } = desired;
  if (
    rollout?.kind === "deploy" &&
    rollout.from !== undefined &&
    (release ?? rollout.from) === rollout.from
  ) {
    // Back from the middle of a deploy: the rollout that is running turns back.
    const turned = store.abort(service, by);
    loop.poke(service);
    return { service, release: rollout.from, rollout: turned.id, scaled: undefined };
  }
  const target = targetOf(store, desired, release);
  await requireRollback(parts, target);
  await parts.platform.publish?.(target, parts.call());
  const now = required(store, service); // a rollout may have ended while we looked, or the service
  targetOf(store, now, target.number);
  requireExpected(store, request);
  const policy = policyOf(store, service);
  const serving = now.serving === undefined ? undefined : now.releases.get(now.serving);
  const changes = differences(serving, target);
  const steps = rollbackSteps(policy);
  const started = store.startRollback({ service, to: target.number, policy, steps, by, changes });
  loop.poke(service);
  return { service, release: target.number, rollout: started.id, scaled: undefined };
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
