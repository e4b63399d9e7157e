import { earliest } from "../../earliest.ts";
import type { Action, Plan, RecordChange, Shares } from "../../rollout/actions.ts";
import type { DesiredService, Rollout, WarmRelease } from "../../rollout/rollout.ts";
import { sizeAtStep } from "../../rollout/steps.ts";
import type { Step } from "../../spec/rollout-policy.ts";
import { endJobsFirst, planBefore, planJobs, tendJobs } from "../jobs/plan-jobs.ts";
import { readyCount, resizeTo, routeTo, type ServiceView } from "../service-view.ts";
import { planAnalysis } from "./plan-analysis.ts";
import { planBack } from "./plan-back.ts";
import { failureOf, giveUp, neverMoved } from "./rollout-failure.ts";
import {
  act,
  carrying,
  currentStep,
  deadlineMs,
  end,
  inTrafficCount,
  keepsOld,
  type Look,
  lowerOthersWhenSafe,
  neededOf,
  othersCarry,
  record,
  stopOthersFirst,
  withDeadline,
} from "./rollout-look.ts";

/** The next actions of a running rollout. Each is planned only when the one it builds on is observed to be done. */
export function planRollout(
  desired: DesiredService,
  rollout: Rollout,
  view: ServiceView,
  nowMs: number,
): Plan {
  const look: Look = { desired, rollout, view, nowMs };
  switch (rollout.phase) {
    case "forward":
      return planForward(look);
    case "back":
      return endJobsFirst(look, planBack(look));
    case "paused":
      return planPaused(look);
    default:
      return { actions: [], wakeAtMs: undefined };
  }
}

function planForward(look: Look): Plan {
  const preparing = planBefore(look, () => stayAsItWas(look));
  if (preparing !== undefined) return preparing;
  const { rollout, view } = look;
  const waiting = stopOthersFirst(look, rollout.to);
  if (waiting !== undefined) return planStop(look, waiting);
  const step = currentStep(rollout);
  const size = newSize(look);
  const ready = readyCount(view, rollout.to);
  const progress = recordProgress(look, ready);
  const failure = failureOf(look, ready, size);
  if (failure !== undefined) return act([...progress, ...giveUp(look, failure)]);

  const raise = raiseNew(look, size);
  const others = lowerOthersWhenSafe(look);
  const tending = tendJobs(look);
  // What was seen is recorded before anything is asked of the platform: it may refuse, and then the rest of the plan is left out.
  const before = [...progress, ...others, ...makeRoom(look, size), ...raise, ...tending.actions];
  const isRaised = raise.length === 0 && ready >= size;
  const plan = isRaised
    ? planMove(look, step, before)
    : withDeadline(look, [...before, ...keepTraffic(look)]);
  return { ...plan, wakeAtMs: earliest(plan.wakeAtMs, tending.wakeAtMs) };
}

/** Nothing of the new release starts while others are there; that they go must not take forever. */
function planStop(look: Look, { others, stopping }: NonNullable<ReturnType<typeof stopOthersFirst>>): Plan {
  if (look.nowMs < deadlineMs(look.rollout)) return withDeadline(look, stopping);
  const who = others.map((other) => `release ${other}`).join(" and ");
  return act(giveUp(look, `${who} did not go in time`));
}

/** Before anything of the new release exists: the old one serves, whole. */
function stayAsItWas(look: Look): readonly Action[] {
  const { desired, rollout, view } = look;
  const { from } = rollout;
  const reason = `release ${from} serves until the jobs are done`;
  const whole = from === undefined ? [] : resizeTo(desired, view, from, desired.count, reason);
  return [...lowerOthersWhenSafe(look), ...whole, ...keepTraffic(look)];
}

/** All servers of the step are ready: the traffic moves, the step holds, then it is done. */
function planMove(look: Look, step: Step, before: readonly Action[]): Plan {
  const { desired, rollout, view, nowMs } = look;
  const reason = moveReason(look, step);
  if (mustBePromoted(look)) {
    const order = rollout.kind === "move" ? `kiln move ${desired.service} --finish` : "kiln rollout promote";
    const why = `release ${rollout.to} is ready and waits for \`${order}\``;
    return act([...before, ...keepTraffic(look), record(look, { kind: "pause", rollout: rollout.id }, why)]);
  }
  if (mustWaitForOld(look)) return withDeadline(look, before);
  const route = routeTo(desired, view, sharesAt(look, step.share), reason);
  if (rollout.movedAtMs === undefined) {
    const moved = record(look, { kind: "moved", rollout: rollout.id, atMs: nowMs }, reason);
    return act([...before, ...route, moved]);
  }
  // Servers that come and go and come again do not begin the step again: it would never end.
  if (route.length > 0) {
    const failure = neverMoved(look);
    if (failure !== undefined) return act([...before, ...giveUp(look, failure)]);
    return withDeadline(look, [...before, ...route]);
  }
  const jobs = planJobs(look, "after");
  if (isLastStep(rollout) && jobs.failure !== undefined) {
    return act([...before, ...giveUp(look, jobs.failure)]);
  }
  if (isLastStep(rollout) && !jobs.isDone) return act([...before, ...jobs.starting]);
  const holdEndsMs = rollout.promoted ? nowMs : holdStartMs(look) + step.holdMs;
  if (step.analysis !== undefined && !rollout.promoted && rollout.from !== undefined) {
    return planAnalysis(look, step.analysis, holdEndsMs, before, () => finishStep(look));
  }
  if (nowMs < holdEndsMs) return { actions: before, wakeAtMs: holdEndsMs };
  return act([...before, finishStep(look)]);
}

/** The last switch of a manually promoted rollout waits for a person, and so does that of every move; the first release does not wait. */
function mustBePromoted({ rollout }: Look): boolean {
  const { kind, policy, promoted, from, movedAtMs } = rollout;
  if (!isLastStep(rollout) || movedAtMs !== undefined || promoted) return false;
  return kind === "move" || (policy.promote === "manual" && from !== undefined && kind === "deploy");
}

function isLastStep({ step, steps }: Rollout): boolean {
  return step === steps.length - 1;
}

/** Nothing moves; what is there stays there, also across a restart of the machine. */
function planPaused(look: Look): Plan {
  const { actions, wakeAtMs } = tendJobs(look);
  const staying = planJobs(look, "before").isDone ? stayPaused(look) : stayAsItWas(look);
  return { actions: [...actions, ...staying], wakeAtMs };
}

function stayPaused(look: Look): readonly Action[] {
  const waiting = stopOthersFirst(look, look.rollout.to);
  if (waiting !== undefined) return waiting.stopping;
  const size = newSize(look);
  return [...makeRoom(look, size), ...raiseNew(look, size), ...keepTraffic(look)];
}

/**
 * How many servers the new group has now. A scale-down in the middle of a rollout makes the step smaller: of the
 * servers that have traffic none goes as long as `count` allows them, for the old group may not stand in for them yet.
 */
function newSize(look: Look): number {
  const { desired, rollout, view } = look;
  const atStep = sizeAtStep(currentStep(rollout), desired.count);
  const serving = inTrafficCount(look, rollout.to);
  // Beyond the size that was asked for there are only servers that others take the place of.
  const asked = view.groups.get(rollout.to)?.size ?? serving;
  return Math.max(atStep, Math.min(desired.count, serving, asked));
}

function raiseNew({ desired, rollout, view }: Look, size: number): readonly Action[] {
  const reason = `release ${rollout.to} needs ${size} of ${desired.count} servers`;
  return resizeTo(desired, view, rollout.to, size, reason);
}

/** Where no release serves, after a restart of the router for one, the router gets the shares that the rollout had reached. */
function keepTraffic(look: Look): readonly Action[] {
  const { desired, rollout, view } = look;
  if (carrying(look).length > 0) return [];
  const before = rollout.steps[rollout.step - 1]?.share ?? 0;
  const share = rollout.movedAtMs === undefined ? before : currentStep(rollout).share;
  if (rollout.from === undefined && share === 0) return [];
  const shares = sharesAt(look, share).filter((s) => readyCount(view, s.release) > 0);
  return shares.length === 0 ? [] : routeTo(desired, view, shares, "the traffic stays where it was");
}

/** What has to go before the new servers may come: `unavailable` of the old ones, unless the old group stays whole. */
function makeRoom(look: Look, size: number): readonly Action[] {
  const { desired, rollout, view } = look;
  if (rollout.from === undefined) return [];
  if (keepsOld(rollout)) {
    return resizeTo(
      desired,
      view,
      rollout.from,
      desired.count,
      `release ${rollout.from} stays whole for a way back`,
    );
  }
  return lowerOld(look, size);
}

/** A release that is neither old nor new has the traffic, and the two cannot carry it yet. */
function mustWaitForOld(look: Look): boolean {
  const { desired, rollout, view } = look;
  const ready = readyCount(view, rollout.from) + readyCount(view, rollout.to);
  return othersCarry(look) && ready < neededOf(rollout, desired.count);
}

/** Lowers the old group as far as the new one's ready servers allow; never when it is kept. */
function lowerOld(look: Look, size: number): readonly Action[] {
  const { desired, rollout, view } = look;
  const { from, policy } = rollout;
  if (from === undefined || keepsOld(rollout) || policy.strategy === "recreate") return [];
  const extra = policy.strategy === "rolling" ? policy.surge : desired.count;
  const successors = inTrafficCount(look, rollout.to);
  // The last old server stays until a successor serves, whatever `unavailable` says.
  const last = successors > 0 ? 0 : Math.min(1, desired.count);
  const needed = Math.max(last, neededOf(rollout, desired.count) - successors);
  const allowed = Math.max(0, desired.count + extra - size);
  const target = Math.min(desired.count, Math.max(needed, allowed));
  return resizeTo(desired, view, from, target, `release ${rollout.to} has taken over their traffic`);
}

/** Shares when the new group has `share` of the traffic. An old group without a ready server gets none. */
function sharesAt({ rollout, view }: Look, share: number): Shares {
  const { from, to } = rollout;
  if (from === undefined || share === 1) return [{ release: to, share: 1 }];
  if (share === 0) return [{ release: from, share: 1 }];
  if (readyCount(view, from) === 0) return [{ release: to, share: 1 }];
  return [
    { release: to, share },
    { release: from, share: 1 - share },
  ];
}

function moveReason({ desired, rollout, view }: Look, { share }: Step): string {
  if (share === 1) return `release ${rollout.to} is ready for all the traffic`;
  const asked = `${Math.round(share * 100)} %`;
  const ready = readyCount(view, rollout.to);
  const total = ready + readyCount(view, rollout.from);
  if (view.split === "any" || total === 0)
    return `release ${rollout.to} is ready for ${asked} of the traffic`;
  const reached = `${Math.round((100 * ready) / total)} %`;
  return `release ${rollout.to} is ready: ${asked} of ${desired.count} servers is ${ready} of ${total}: ${reached}`;
}

function recordProgress(look: Look, ready: number): readonly Action[] {
  const { rollout, nowMs } = look;
  if (ready <= rollout.highestReady) return [];
  const change: RecordChange = { kind: "progress", rollout: rollout.id, highestReady: ready, atMs: nowMs };
  return [record(look, change, `${ready} of ${look.desired.count} servers are ready`)];
}

/**
 * The hold begins when the traffic has moved, the last of the servers has become ready, or a person has resumed the rollout,
 * whichever is last: what was forgiven then has yet to be proven.
 */
function holdStartMs({ rollout, view, nowMs }: Look): number {
  const servers = view.groups.get(rollout.to)?.servers ?? [];
  const since = servers.filter((s) => s.state === "ready").map((s) => s.sinceMs);
  return Math.max(rollout.movedAtMs ?? nowMs, rollout.judgedFromMs, ...since);
}

function finishStep(look: Look): Action {
  const { rollout, nowMs } = look;
  if (!isLastStep(rollout)) {
    const change: RecordChange = { kind: "step", rollout: rollout.id, step: rollout.step + 1, atMs: nowMs };
    return record(look, change, `step ${rollout.step + 1} of ${rollout.steps.length} is done`);
  }
  const keep = rollout.from !== undefined && keepsOld(rollout);
  const warm: WarmRelease[] =
    keep && rollout.from !== undefined
      ? [{ release: rollout.from, untilMs: nowMs + rollout.policy.keepWarmMs }]
      : [];
  return end(look, "complete", rollout.to, warm, `release ${rollout.to} serves with all its servers healthy`);
}
