import type { Action, Shares } from "./actions.ts";
import type { GroupObservation, ServerObservation } from "./observation.ts";
import { planService } from "./plan.ts";
import { applyChange } from "./record.ts";
import type { DesiredService } from "./rollout.ts";
import { readyCount, type ServiceView } from "./service-view.ts";
import { reachable } from "./split.ts";

/** More passes than any rollout of 1,000 servers takes. */
const maxPasses = 5000;

/** What a deploy would do, seen from now: every action in order, and what it means for capacity. */
export interface Preview {
  readonly actions: readonly Action[];
  /** The most servers that exist at one time. */
  readonly peakServers: number;
  /** The fewest ready servers with traffic at one time. */
  readonly fewestInTraffic: number;
}

/**
 * Plays the planner's actions in a world where every server becomes ready at once and time leaps to whatever the plan
 * waits for, until the rollout has ended. The same `planService` runs here and in the controller, so what is shown is what is done.
 */
export function preview(desired: DesiredService, view: ServiceView, nowMs: number): Preview {
  let world = { desired, view, nowMs };
  const actions: Action[] = [];
  let peakServers = countServers(view);
  let fewestInTraffic = Number.POSITIVE_INFINITY;
  for (let pass = 0; pass < maxPasses; pass++) {
    const next = planService(world.desired, world.view, world.nowMs);
    if (next.actions.length === 0) {
      if (world.desired.rollout === undefined || next.wakeAtMs === undefined) break;
      world = { ...world, nowMs: next.wakeAtMs };
      continue;
    }
    for (const action of next.actions) {
      world = play(world, action);
      peakServers = Math.max(peakServers, countServers(world.view));
      if (world.desired.serving !== undefined) {
        fewestInTraffic = Math.min(fewestInTraffic, countInTraffic(world.view));
      }
    }
    actions.push(...next.actions);
  }
  return { actions, peakServers, fewestInTraffic: Number.isFinite(fewestInTraffic) ? fewestInTraffic : 0 };
}

interface World {
  readonly desired: DesiredService;
  readonly view: ServiceView;
  readonly nowMs: number;
}

function play(world: World, action: Action): World {
  switch (action.kind) {
    case "resize":
      return { ...world, view: resized(world, action.release, action.size) };
    case "route":
      return { ...world, view: routed(world.view, action.shares) };
    case "preview":
      return { ...world, view: previewing(world.view, action.release) };
    case "record":
      return { ...world, desired: applyChange(world.desired, action.change) ?? world.desired };
    case "analyse":
      return { ...world, desired: judgedWell(world, action.rollout) };
    case "run-job":
      return { ...world, desired: succeeded(world, action) };
    case "destroy":
    case "quarantine":
    case "retire":
    case "end-job":
    case "forget-job":
      return world;
  }
}

/** The preview speaks of a good release, and says once that it is analysed. */
function judgedWell({ desired }: World, rollout: number): DesiredService {
  const verdict = {
    outcome: "pass",
    reason: "as good as the old release",
    atMs: Number.MAX_SAFE_INTEGER,
  } as const;
  return applyChange(desired, { kind: "judged", rollout, verdict }) ?? desired;
}

/** Its jobs succeed at once. */
function succeeded(
  { desired, nowMs }: World,
  { rollout, job }: Extract<Action, { readonly kind: "run-job" }>,
): DesiredService {
  const spec = desired.releases.get(desired.rollout?.to ?? 0)?.jobs.find(({ name }) => name === job);
  const end = { outcome: "succeeded", atMs: nowMs, exitCode: 0, reason: "succeeded", logTail: [] } as const;
  if (spec === undefined) return desired;
  const begun = applyChange(desired, { kind: "job-started", rollout, job: spec, atMs: nowMs }) ?? desired;
  return applyChange(begun, { kind: "job-ended", rollout, job, end, atMs: nowMs }) ?? begun;
}

function resized({ view, nowMs }: World, release: number, size: number): ServiceView {
  const groups = new Map(view.groups);
  const { share = 0, previewed = false } = groups.get(release) ?? {};
  if (size === 0 && share === 0) groups.delete(release);
  else {
    const servers = Array.from({ length: size }, (_, i) => readyServer(view.service, release, i + 1, nowMs));
    groups.set(release, { ...emptyGroup(view.service, release), size, share, previewed, servers });
  }
  return spread({ ...view, groups });
}

/** Where servers have equal parts of the traffic, shares follow their number. */
function spread(view: ServiceView): ServiceView {
  if (view.split === "any") return view;
  const shares = [...view.groups.values()].map(({ release, share }) => ({ release, share }));
  const reached = reachable(shares, view.split, (release) => readyCount(view, release));
  return { ...routed(view, reached), routed: view.routed };
}

function routed(view: ServiceView, shares: Shares): ServiceView {
  const groups = new Map<number, GroupObservation>();
  for (const [release, group] of view.groups) groups.set(release, { ...group, share: 0 });
  for (const { release, share } of shares) {
    groups.set(release, { ...(groups.get(release) ?? emptyGroup(view.service, release)), share });
  }
  return { ...view, groups, routed: shares.length > 0 };
}

function previewing(view: ServiceView, shown: number | undefined): ServiceView {
  const groups = [...view.groups].map(([n, g]) => [n, { ...g, previewed: n === shown }] as const);
  return { ...view, groups: new Map(groups) };
}

function emptyGroup(service: string, release: number): GroupObservation {
  return { service, release, size: 0, share: 0, servers: [], remains: [], failures: [], failed: 0 };
}

function readyServer(service: string, release: number, slot: number, nowMs: number): ServerObservation {
  return {
    id: `${service}-${release}-${slot}`,
    state: "ready",
    sinceMs: nowMs,
    createdAtMs: nowMs,
    address: undefined,
    inTraffic: true,
    health: undefined,
  };
}

function countServers(view: ServiceView): number {
  return [...view.groups.values()].reduce((sum, g) => sum + g.servers.length, 0);
}

function countInTraffic(view: ServiceView): number {
  const withTraffic = [...view.groups.values()].filter((g) => g.share > 0);
  return withTraffic.reduce((sum, g) => sum + g.servers.filter((s) => s.state === "ready").length, 0);
}
