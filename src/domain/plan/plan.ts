import { earliest } from "../earliest.ts";
import type { Observation } from "../observation.ts";
import type { Action, Plan } from "../rollout/actions.ts";
import type { DesiredService } from "../rollout/rollout.ts";
import { tidyJobs } from "./jobs/plan-jobs.ts";
import { planRuns } from "./jobs/plan-runs.ts";
import { planPreview } from "./rollout/plan-preview.ts";
import { planRollout } from "./rollout/plan-rollout.ts";
import {
  closeWhenGone,
  emptyView,
  isGone,
  lowerOthers,
  readyCount,
  resizeTo,
  routeTo,
  type ServiceView,
  viewsOf,
} from "./service-view.ts";
import { planAge } from "./upkeep/plan-age.ts";
import { planDrift } from "./upkeep/plan-drift.ts";
import { planReproductions } from "./upkeep/plan-reproductions.ts";

/**
 * What to do now: a pure function of what is desired, what is observed and the time (Unix time in ms). Groups of
 * services that are not desired at all are left alone: a lost database must not take running servers with it.
 */
export function plan(desired: readonly DesiredService[], observed: Observation, nowMs: number): Plan {
  const views = viewsOf(observed);
  const plans = desired.map((d) => planService(d, views.get(d.service) ?? emptyView(d.service), nowMs));
  return {
    actions: plans.flatMap((p) => p.actions),
    wakeAtMs: earliest(...plans.map((p) => p.wakeAtMs)),
  };
}

/** What to do now for one service. Pure: the same arguments give the same plan. `nowMs` is Unix time in ms. */
export function planService(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  const { actions, wakeAtMs } = planGroups(desired, view, nowMs);
  const copies = planReproductions(desired, view, nowMs);
  const runs = planRuns(desired, view, nowMs);
  const tidying = [...tidyJobs(desired, view, nowMs), ...runs.actions];
  const others = [...tidying, ...copies.actions, ...planPreview(desired, view)];
  return { actions: [...others, ...actions], wakeAtMs: earliest(copies.wakeAtMs, runs.wakeAtMs, wakeAtMs) };
}

function planGroups(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  if (desired.removed) return planRemoval(desired, view);
  const drift = planDrift(desired, view, nowMs);
  const age = planAge(desired, view, nowMs);
  const replacing = [...drift.replacing, ...age.replacing];
  const next = planTraffic(desired, { ...view, replacing }, nowMs);
  return {
    actions: [...drift.actions, ...age.actions, ...next.actions],
    wakeAtMs: earliest(drift.wakeAtMs, age.wakeAtMs, next.wakeAtMs),
  };
}

function planTraffic(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  if (desired.rollout === undefined) return planSteady(desired, view, nowMs);
  return planRollout(desired, desired.rollout, view, nowMs);
}

/** Clients who come by a port that two targets have open may come here as long as it is open: it closes before servers go. */
function givesPort({ target, move }: DesiredService): boolean {
  return move?.target === target && move.shared;
}

/** Let every group go, close the frontends, then forget the service. */
function planRemoval(desired: DesiredService, view: ServiceView): Plan {
  const reason = "the service is being removed";
  const giving = givesPort(desired) ? routeTo(desired, view, [], "another target has its port") : [];
  if (giving.length > 0) return { actions: giving, wakeAtMs: undefined };
  const closing = closeWhenGone(desired, view, reason);
  const lowering = [...view.groups.keys()].flatMap((release) => resizeTo(desired, view, release, 0, reason));
  const gone =
    !view.routed &&
    view.jobs.length === 0 &&
    (view.reproductions ?? []).length === 0 &&
    [...view.groups.keys()].every((release) => isGone(view, release));
  const forgetting: Action[] = gone
    ? [
        {
          kind: "record",
          service: desired.service,
          change: { kind: "gone" },
          reason: "nothing of it is left",
        },
      ]
    : [];
  return { actions: [...lowering, ...closing, ...forgetting], wakeAtMs: undefined };
}

/**
 * No rollout: the serving release has `count` servers and all the traffic, warm ones wait, all others go. With no servers the
 * frontend stays open all the same: clients learn that no server answers, and no other program takes the port meanwhile. On a target
 * that the service has left, the serving release itself is kept for a time only, or it waits without traffic.
 */
function planSteady(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  const { serving, count } = desired;
  const warm = desired.warm.filter((w) => w.release !== serving);
  const actions: Action[] = [];
  if (serving === undefined) {
    const reason = warm.length > 0 ? "another target has the traffic" : "nothing serves";
    actions.push(
      ...(warm.length > 0 ? routeTo(desired, view, [], reason) : closeWhenGone(desired, view, reason)),
    );
  } else {
    const whole = resizeTo(desired, view, serving, count, `release ${serving} serves with ${count} servers`);
    const route = routeTo(desired, view, [{ release: serving, share: 1 }], `release ${serving} serves`);
    // Servers that are ready do not wait for their traffic until there may be more of them.
    actions.push(...(readyCount(view, serving) > 0 ? [...route, ...whole] : [...whole, ...route]));
  }
  for (const { release, untilMs } of warm) actions.push(...planWarm(desired, view, release, untilMs, nowMs));
  actions.push(...lowerOthers(desired, view, [serving, ...warm.map((w) => w.release)]));
  const leaving = desired.warm.filter((w) => w.release === serving);
  actions.push(...leaving.filter((w) => nowMs >= w.untilMs).map((w) => warmOver(desired, w.release)));
  const ends = desired.warm.map((w) => w.untilMs).filter((at) => at > nowMs);
  return { actions, wakeAtMs: ends.length === 0 ? undefined : Math.min(...ends) };
}

function planWarm(
  desired: DesiredService,
  view: ServiceView,
  release: number,
  untilMs: number,
  nowMs: number,
): readonly Action[] {
  if (nowMs < untilMs && !desired.alone) {
    return resizeTo(desired, view, release, desired.count, `release ${release} is kept warm for a rollback`);
  }
  const over = warmOver(desired, release);
  return [...resizeTo(desired, view, release, 0, over.reason), over];
}

function warmOver({ service }: DesiredService, release: number): Action {
  const reason = `release ${release} was kept warm long enough`;
  return { kind: "record", service, change: { kind: "warm-over", release }, reason };
}
