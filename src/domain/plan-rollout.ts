import type { Action, Plan, RecordChange, Shares } from "./actions.ts";
import type { ServerFailure } from "./observation.ts";
import type { DesiredService, Rollout, Step, WarmRelease } from "./rollout.ts";
import { isGone, readyCount, resizeTo, routeTo, type ServiceView } from "./service-view.ts";
import { sizeAtStep } from "./steps.ts";

/** Servers that may end or fail to start before the release counts as broken: one may be bad luck, three are not. */
const toleratedFailures = 2;

/** Everything that one look at a running rollout needs. */
interface Look {
  readonly desired: DesiredService;
  readonly rollout: Rollout;
  readonly view: ServiceView;
  readonly nowMs: number;
}

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
      return planBack(look);
    case "stopped":
      return planStopped(look);
    default:
      return { actions: [], wakeAtMs: undefined };
  }
}

function planForward(look: Look): Plan {
  const { desired, rollout, view } = look;
  const step = currentStep(rollout);
  const size = sizeAtStep(step, desired.count);
  const making = makeRoom(look, size);
  if (mustWaitForRoom(look)) {
    const late = look.nowMs >= deadlineMs(rollout);
    return late
      ? act(giveUp(look, `release ${rollout.from} did not go in time`))
      : withDeadline(look, making);
  }
  const others = planOthers(look);
  const raise = resizeTo(
    desired,
    view,
    rollout.to,
    size,
    `release ${rollout.to} needs ${size} of ${desired.count} servers`,
  );
  const ready = readyCount(view, rollout.to);
  const progress = recordProgress(look, ready);
  const before = [...others, ...making, ...raise, ...progress];

  const failure = failureOf(look, ready, size);
  if (failure !== undefined) return act([...progress, ...giveUp(look, failure)]);
  if (raise.length > 0 || ready < size) return withDeadline(look, before);

  const shares = forwardShares(look, step);
  const route = routeTo(desired, view, shares, moveReason(rollout, step));
  if (route.length > 0 || rollout.movedAtMs === undefined) {
    return act([
      ...before,
      ...route,
      record(look, { kind: "moved", rollout: rollout.id, atMs: look.nowMs }, moveReason(rollout, step)),
    ]);
  }
  const holdEndsMs = holdStartMs(look) + step.holdMs;
  if (look.nowMs < holdEndsMs) return { actions: before, wakeAtMs: holdEndsMs };
  return act([...before, finishStep(look)]);
}

/** A group that is neither old nor new has no part in this rollout: whatever was kept warm goes. */
function planOthers({ desired, rollout, view }: Look): readonly Action[] {
  const part = new Set([rollout.from, rollout.to]);
  return [...view.groups.keys()]
    .filter((release) => !part.has(release))
    .flatMap((release) =>
      resizeTo(desired, view, release, 0, `release ${release} has no part in this rollout`),
    );
}

/** True when the old group stays whole beside the new one, ready for a rollback in one switch. */
export function keepsOld(rollout: Rollout): boolean {
  return rollout.policy.strategy !== "recreate" && rollout.policy.keepWarmMs > 0;
}

/** What has to go before the new servers may come: all of the old for `recreate`, `unavailable` of them otherwise. */
function makeRoom(look: Look, size: number): readonly Action[] {
  const { desired, rollout, view } = look;
  if (rollout.from === undefined) return [];
  if (rollout.policy.strategy === "recreate") {
    const reason = `release ${rollout.from} stops before release ${rollout.to} starts`;
    return resizeTo(desired, view, rollout.from, 0, reason);
  }
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

function mustWaitForRoom({ rollout, view }: Look): boolean {
  return rollout.policy.strategy === "recreate" && rollout.from !== undefined && !isGone(view, rollout.from);
}

/** Lowers the old group as far as the new one's ready servers allow; never when it is kept. */
function lowerOld(look: Look, size: number): readonly Action[] {
  const { desired, rollout, view } = look;
  const { from, policy } = rollout;
  if (from === undefined || keepsOld(rollout) || policy.strategy === "recreate") return [];
  const missing = policy.strategy === "rolling" ? policy.unavailable : 0;
  const extra = policy.strategy === "rolling" ? policy.surge : desired.count;
  const successors = inTrafficCount(look);
  // The last old server stays until a successor serves, whatever `unavailable` says.
  const needed = Math.max(successors > 0 ? 0 : 1, desired.count - missing - successors);
  const allowed = Math.max(0, desired.count + extra - size);
  const target = Math.max(needed, allowed);
  const present = view.groups.get(from)?.size ?? desired.count;
  if (target > present && view.groups.get(from)?.size !== undefined) return [];
  return resizeTo(desired, view, from, target, `release ${rollout.to} has taken over their traffic`);
}

/** Ready servers of the new group that have traffic: those that the old one's may leave for. */
function inTrafficCount({ rollout, view }: Look): number {
  return (view.groups.get(rollout.to)?.share ?? 0) > 0 ? readyCount(view, rollout.to) : 0;
}

function forwardShares({ desired, rollout, view }: Look, step: Step): Shares {
  if (desired.count === 0) return [];
  const { from, to } = rollout;
  if (from === undefined || step.share === 1 || readyCount(view, from) === 0)
    return [{ release: to, share: 1 }];
  return [
    { release: to, share: step.share },
    { release: from, share: 1 - step.share },
  ];
}

function moveReason(rollout: Rollout, step: Step): string {
  return step.share === 1
    ? `release ${rollout.to} is ready for all the traffic`
    : `release ${rollout.to} is ready for ${Math.round(step.share * 100)} % of the traffic`;
}

function recordProgress(look: Look, ready: number): readonly Action[] {
  const { rollout, nowMs } = look;
  if (ready <= rollout.highestReady) return [];
  const change: RecordChange = { kind: "progress", rollout: rollout.id, highestReady: ready, atMs: nowMs };
  return [record(look, change, `${ready} of ${look.desired.count} servers are ready`)];
}

/** The hold begins when the traffic has moved and the last of the servers has become ready, whichever is later. */
function holdStartMs({ rollout, view, nowMs }: Look): number {
  const servers = view.groups.get(rollout.to)?.servers ?? [];
  const since = servers.filter((s) => s.state === "ready").map((s) => s.sinceMs);
  return Math.max(rollout.movedAtMs ?? nowMs, ...since);
}

function finishStep(look: Look): Action {
  const { rollout, nowMs } = look;
  if (rollout.step < rollout.steps.length - 1) {
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

/** Why the release has to be given up, or undefined while there is hope. */
function failureOf(look: Look, ready: number, size: number): string | undefined {
  const { rollout, view, nowMs } = look;
  const failures = (view.groups.get(rollout.to)?.failures ?? []).filter((f) => f.atMs >= rollout.startedAtMs);
  const latest = failures.at(-1);
  const unready = failures.find((f) => f.kind === "unready");
  if (unready !== undefined) return describe(unready);
  if (latest !== undefined && failures.length > toleratedFailures) {
    return `${failures.length} servers failed, the last one: ${describe(latest)}`;
  }
  if (ready < size && nowMs >= deadlineMs(rollout)) {
    const minutes = Math.round(rollout.policy.progressDeadlineMs / 6000) / 10;
    return `no further server became ready within ${minutes} min (${ready} of ${size} are)${latest ? `: ${describe(latest)}` : ""}`;
  }
  return undefined;
}

function describe(failure: ServerFailure): string {
  return `${failure.id} ${failure.reason}`;
}

/** When a rollout without a new highest number of ready servers fails. A long hold is no lack of progress. */
function deadlineMs(rollout: Rollout): number {
  const held = rollout.movedAtMs === undefined ? 0 : rollout.movedAtMs + currentStep(rollout).holdMs;
  return Math.max(rollout.progressAtMs, held) + rollout.policy.progressDeadlineMs;
}

/** A deploy turns back, or stops if its policy says so. A rollback is never rolled back: the traffic stays where it is. */
function giveUp(look: Look, why: string): readonly Action[] {
  const { rollout, nowMs } = look;
  if (rollout.kind === "rollback") {
    const serving = rollout.movedAtMs === undefined ? rollout.from : rollout.to;
    return [end(look, "failed", serving, [], why)];
  }
  if (rollout.policy.onFailure === "stop") return [record(look, { kind: "stop", rollout: rollout.id }, why)];
  return [record(look, { kind: "turn-back", rollout: rollout.id, atMs: nowMs }, why)];
}

/** Back to the old release: its group whole again, then the traffic, then the end. */
function planBack(look: Look): Plan {
  const { desired, rollout, view } = look;
  const why = rollout.reason ?? "it was turned back";
  if (rollout.from === undefined) return planBackToNothing(look, why);
  const from = rollout.from;
  const recreate = rollout.policy.strategy === "recreate";
  const stop = recreate ? stopNew(look, why) : [];
  if (recreate && !isGone(view, rollout.to)) return withDeadline(look, stop);
  const raise = resizeTo(desired, view, from, desired.count, `release ${from} takes over again: ${why}`);
  const ready = readyCount(view, from);
  const enough = ready >= neededToGoBack(look) || (ready > 0 && readyCount(view, rollout.to) === 0);
  const actions = [...planOthers(look), ...stop, ...raise];
  if (!enough) {
    if (look.nowMs < deadlineMs(rollout)) return withDeadline(look, actions);
    const serving = readyCount(view, from) === 0 && readyCount(view, rollout.to) > 0 ? rollout.to : from;
    return act([
      ...actions,
      end(look, "failed", serving, [], `${why}; and release ${from} did not come back in time`),
    ]);
  }
  const route = routeTo(desired, view, desired.count === 0 ? [] : [{ release: from, share: 1 }], why);
  return act([...actions, ...route, end(look, "rolled-back", from, [], why)]);
}

function neededToGoBack({ desired, rollout }: Look): number {
  const missing = rollout.policy.strategy === "rolling" ? rollout.policy.unavailable : 0;
  return Math.max(Math.min(1, desired.count), desired.count - missing);
}

function stopNew({ desired, rollout, view }: Look, why: string): readonly Action[] {
  return resizeTo(desired, view, rollout.to, 0, why);
}

/** The first release of a service failed: nothing served before, so nothing serves now. */
function planBackToNothing(look: Look, why: string): Plan {
  const gone = isGone(look.view, look.rollout.to);
  const ending = gone ? [end(look, "failed", undefined, [], why)] : [];
  return act([...routeTo(look.desired, look.view, [], why), ...stopNew(look, why), ...ending]);
}

/** Nothing moves; only what a new controller has forgotten is asked for again. */
function planStopped({ desired, rollout, view }: Look): Plan {
  const forgotten = (release: number | undefined, size: number) =>
    release !== undefined && view.groups.has(release) && view.groups.get(release)?.size === undefined
      ? resizeTo(desired, view, release, size, "the rollout has stopped; its servers stay")
      : [];
  const size = sizeAtStep(currentStep(rollout), desired.count);
  return act([...forgotten(rollout.from, desired.count), ...forgotten(rollout.to, size)]);
}

function currentStep(rollout: Rollout): Step {
  return rollout.steps[rollout.step] ?? { share: 1, holdMs: 0 };
}

function record(look: Look, change: RecordChange, reason: string): Action {
  return { kind: "record", service: look.desired.service, change, reason };
}

function end(
  look: Look,
  phase: "complete" | "rolled-back" | "failed",
  serving: number | undefined,
  warm: readonly WarmRelease[],
  reason: string,
): Action {
  return record(
    look,
    { kind: "end", rollout: look.rollout.id, phase, serving, warm, atMs: look.nowMs },
    reason,
  );
}

function act(actions: readonly Action[]): Plan {
  return { actions, wakeAtMs: undefined };
}

function withDeadline(look: Look, actions: readonly Action[]): Plan {
  return { actions, wakeAtMs: deadlineMs(look.rollout) };
}
