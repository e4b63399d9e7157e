import { planService } from "../plan/plan.ts";
import type { ServiceView } from "../plan/service-view.ts";
import type { Action } from "../rollout/actions.ts";
import type { DesiredService } from "../rollout/rollout.ts";
import { arrived, type ForecastWorld, finishJobs, play } from "./forecast-world.ts";

/** More passes than any rollout of 1,000 servers takes. */
const maxPasses = 5000;

/** What will be done, seen from now: every action in order, and what it means for capacity. */
export interface Forecast {
  readonly actions: readonly Action[];
  /** The most servers that exist at one time. */
  readonly peakServers: number;
  /** The fewest ready servers with traffic at one time, from now on. */
  readonly fewestInTraffic: number;
}

/**
 * Plays the planner's actions in a world where everything goes well: servers are ready and jobs succeed at once, and time
 * leaps to whatever the plan waits for, until the rollout has ended, is paused, or the service is gone. The same
 * `planService` runs here and in the controller, so what is shown is what is done.
 */
export function forecast(desired: DesiredService, view: ServiceView, nowMs: number): Forecast {
  // Runs of no rollout come and go by themselves.
  const rolling = { ...view, jobs: view.jobs.filter(({ run }) => run === undefined) };
  let world: ForecastWorld = {
    desired: { ...desired, runs: undefined },
    view: arrived(rolling, nowMs),
    nowMs,
  };
  const actions: Action[] = [];
  let peakServers = countServers(world);
  let fewestInTraffic = countInTraffic(world);
  for (let pass = 0; pass < maxPasses && !world.gone; pass++) {
    const next = planService(world.desired, world.view, world.nowMs);
    const later = next.actions.length === 0 ? whatComesNext(world, next.wakeAtMs) : undefined;
    if (next.actions.length === 0 && later === undefined) break;
    world = later ?? world;
    for (const action of next.actions) {
      world = play(world, action);
      peakServers = Math.max(peakServers, countServers(world));
      fewestInTraffic = Math.min(fewestInTraffic, countInTraffic(world));
    }
    actions.push(...next.actions);
  }
  return { actions, peakServers, fewestInTraffic: Number.isFinite(fewestInTraffic) ? fewestInTraffic : 0 };
}

/** What a plan without actions waits for; undefined when that is nothing, or a person. */
function whatComesNext(world: ForecastWorld, wakeAtMs: number | undefined): ForecastWorld | undefined {
  const { rollout } = world.desired;
  if (world.view.jobs.some(({ end }) => end === undefined)) return finishJobs(world);
  if (rollout === undefined || rollout.phase === "paused" || wakeAtMs === undefined) return undefined;
  return { ...world, nowMs: wakeAtMs };
}

function countServers({ view }: ForecastWorld): number {
  return [...view.groups.values()].reduce((sum, g) => sum + g.servers.length, 0);
}

/** Infinite while nothing serves: then there are no servers that could become fewer. */
function countInTraffic({ desired, view }: ForecastWorld): number {
  if (desired.serving === undefined) return Number.POSITIVE_INFINITY;
  const withTraffic = [...view.groups.values()].filter((g) => g.share > 0);
  return withTraffic.reduce((sum, g) => sum + g.servers.filter((s) => s.state === "ready").length, 0);
}
