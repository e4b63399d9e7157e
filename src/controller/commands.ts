import type { ServiceKey } from "../domain/ids.ts";
import { preview } from "../domain/preview.ts";
import type { Release } from "../domain/release.ts";
import type { DesiredService, Rollout } from "../domain/rollout.ts";
import { emptyView, type ServiceView, viewsOf } from "../domain/service-view.ts";
import { defaultUpkeep, type RolloutPolicy } from "../domain/spec.ts";
import { compileSteps, rollbackSteps } from "../domain/steps.ts";
import type { Clock } from "../lib/clock.ts";
import { KilnError } from "../lib/errors.ts";
import type { Call, Platform } from "../platform/platform.ts";
import type { Store } from "../store/store.ts";
import { requireBeginning, requireDeployable, requireRollback } from "./checks.ts";
import { differences } from "./differences.ts";
import type { Loop } from "./loop.ts";
import type { Accepted, DeployRequest, Operations, PlanPreview } from "./operations.ts";
import { freeze } from "./release-content.ts";

export interface CommandParts {
  readonly store: Store;
  readonly platform: Platform;
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
    check: (request) => requireBeginning(parts, request),
    deploy: (request) => deploy(parts, request),
    preview: (request) => previewDeploy(parts, request),
    rollback: (service, release, by) => rollback(parts, service, release, by),
    scale: (service, count, by) => scale(parts, service, count, by),
    remove: async (service, by) => {
      parts.store.markRemoved(service, by);
      parts.loop.poke(service);
    },
    abort: async (service, by) => steer(parts, service, parts.store.abort(service, by)),
    pause: async (service, by) => steer(parts, service, parts.store.pause(service, by)),
    resume: async (service, by) => steer(parts, service, parts.store.resume(service, by)),
    promote: async (service, by) => steer(parts, service, parts.store.promote(service, by)),
  };
}

function steer({ loop }: CommandParts, service: ServiceKey, rollout: Rollout): Rollout {
  loop.poke(service);
  return rollout;
}

async function deploy(parts: CommandParts, request: DeployRequest): Promise<Accepted> {
  const { store, loop } = parts;
  const { service, count, policy, by } = request;
  await requireDeployable(parts, service, request.draft);
  // Another deploy may have come while we looked, or another version of a secret.
  const { draft, contents } = freeze(store, service, request.draft);
  const release = store.draftRelease(service, draft, by);
  const desired = store.desired(service);
  const running = desired?.rollout;
  if (running?.to === release.number && running.phase === "forward") {
    const scaled = setCount(parts, service, count, by);
    return { service, release: release.number, rollout: running.id, scaled };
  }
  if (running === undefined && desired?.serving === release.number) {
    store.setPolicy(service, policy, by);
    if (request.upkeep !== undefined) store.setUpkeep(service, request.upkeep, by);
    const scaled = setCount(parts, service, count, by);
    return { service, release: release.number, rollout: undefined, scaled };
  }
  if (running !== undefined && request.supersede && desired?.serving === release.number) {
    // What is asked for serves already: the rollout that leads away from it turns back.
    const turned = store.abort(service, by);
    const scaled = setCount(parts, service, count, by);
    return { service, release: release.number, rollout: turned.id, scaled };
  }
  const before = desired?.count;
  const steps = compileSteps(policy, count, desired?.serving === undefined);
  const supersede = request.supersede ?? false;
  const serving = desired?.serving === undefined ? undefined : desired.releases.get(desired.serving);
  const changes = differences(serving, draft);
  const { origin } = request;
  const upkeep = request.upkeep === undefined ? {} : { upkeep: request.upkeep };
  const start = { ...upkeep, release, contents, count, policy, steps, by, supersede, origin, changes };
  const rollout = store.startDeploy(start);
  loop.poke(service);
  const scaled = before === undefined || before === count ? undefined : { from: before, to: count };
  return { service, release: release.number, rollout: rollout.id, scaled };
}

function setCount(
  { store, loop }: CommandParts,
  service: ServiceKey,
  count: number,
  by: string,
): Accepted["scaled"] {
  const from = store.setCount(service, count, by);
  loop.poke(service);
  return from === count ? undefined : { from, to: count };
}

async function scale(parts: CommandParts, service: ServiceKey, count: number, by: string): Promise<Accepted> {
  const scaled = setCount(parts, service, count, by);
  const desired = parts.store.desired(service);
  const release = desired?.rollout?.to ?? desired?.serving ?? 0;
  return { service, release, rollout: desired?.rollout?.id, scaled };
}

async function rollback(
  parts: CommandParts,
  service: ServiceKey,
  release: number | undefined,
  by: string,
): Promise<Accepted> {
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
  const now = required(store, service); // a rollout may have ended while we looked, or the service
  targetOf(store, now, target.number);
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

async function previewDeploy(parts: CommandParts, request: DeployRequest): Promise<PlanPreview> {
  const { store, clock, loop } = parts;
  const { service, by } = request;
  await requireDeployable(parts, service, request.draft);
  const { draft } = freeze(store, service, request.draft);
  const before = store.desired(service);
  const serving = before?.serving === undefined ? undefined : before.releases.get(before.serving);
  const release = store.draftRelease(service, draft, by);
  const desired = asThoughDeployed(before, release, request, clock.now());
  const view = viewsOf(await loop.observe()).get(service) ?? emptyView(service);
  const { actions, peakServers, fewestInTraffic } = preview(desired, whole(view), clock.now());
  return {
    service,
    serving,
    changes: [
      ...differences(serving, draft),
      ...(before !== undefined && before.count !== request.count
        ? [`servers: ${before.count} -> ${request.count}`]
        : []),
    ],
    actions,
    peakServers,
    fewestInTraffic,
    downtime: downtimeOf(desired.rollout, fewestInTraffic),
  };
}

/** The preview speaks of a healthy start: what is on its way counts as arrived. */
function whole(view: ServiceView): ServiceView {
  const groups = [...view.groups].map(
    ([release, group]) =>
      [
        release,
        { ...group, failures: [], servers: group.servers.map((s) => ({ ...s, state: "ready" as const })) },
      ] as const,
  );
  return { ...view, groups: new Map(groups) };
}

function asThoughDeployed(
  before: DesiredService | undefined,
  release: Release,
  { service, count, policy }: DeployRequest,
  nowMs: number,
): DesiredService {
  const base: DesiredService = before ?? {
    service,
    count,
    releases: new Map(),
    serving: undefined,
    rollout: undefined,
    warm: [],
    drainMs: policy.drainMs,
    upkeep: defaultUpkeep,
    unavailable: 0,
    alone: false,
    taints: [],
    suspendedUntilMs: undefined,
    removed: false,
  };
  const releases = new Map(base.releases).set(release.number, release);
  if (base.rollout !== undefined || base.serving === release.number) return { ...base, count, releases };
  const rollout: Rollout = {
    id: 0,
    service,
    kind: "deploy",
    from: base.serving,
    to: release.number,
    policy,
    steps: compileSteps(policy, count, base.serving === undefined),
    phase: "forward",
    step: 0,
    startedAtMs: nowMs,
    startedBy: "",
    movedAtMs: undefined,
    highestReady: 0,
    progressAtMs: nowMs,
    origin: undefined,
    changes: [],
    judgedFromMs: nowMs,
    promoted: false,
    jobs: [],
    verdict: undefined,
    endedAtMs: undefined,
    reason: undefined,
  };
  return { ...base, count, releases, rollout };
}

function downtimeOf(rollout: Rollout | undefined, fewestInTraffic: number): string {
  if (rollout?.from === undefined || fewestInTraffic > 0) return "none";
  return `from the stop of release ${rollout.from} until release ${rollout.to} is ready`;
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
