import type { Action, Plan, RecordChange } from "../../rollout/actions.ts";
import type { DesiredService, Rollout, WarmRelease } from "../../rollout/rollout.ts";
import type { Step } from "../../spec/rollout-policy.ts";
import { inTheWayOf, lowerOthers, resizeTo, type ServiceView } from "../service-view.ts";
import { carriersOf } from "../upkeep/drift-response.ts";

/** Everything that one look at a running rollout needs. */
export interface Look {
  readonly desired: DesiredService;
  readonly rollout: Rollout;
  readonly view: ServiceView;
  readonly nowMs: number;
}

export function currentStep(rollout: Rollout): Step {
  return rollout.steps[rollout.step] ?? { share: 1, holdMs: 0 };
}

/** True when the old group stays whole next to the new one, ready for a rollback in one switch. */
export function keepsOld(rollout: Rollout): boolean {
  return rollout.policy.strategy !== "recreate" && rollout.policy.keepWarmMs > 0;
}

/** When a rollout without a new highest number of ready servers fails. A long hold does not count as a lack of progress. */
export function deadlineMs(rollout: Rollout): number {
  const { movedAtMs, judgedFromMs, progressAtMs, policy } = rollout;
  const held = movedAtMs === undefined ? 0 : Math.max(movedAtMs, judgedFromMs) + currentStep(rollout).holdMs;
  return Math.max(progressAtMs, held) + policy.progressDeadlineMs;
}

/** The fewest ready servers with traffic that the policy allows while the rollout runs; one, if any are wanted. */
export function neededOf({ policy }: Rollout, count: number): number {
  const missing = policy.strategy === "rolling" ? policy.unavailable : 0;
  return Math.max(Math.min(1, count), count - missing);
}

/** True when servers of a release that has no part in this rollout, a superseded one for example, have traffic. */
export function othersCarry(look: Look): boolean {
  const { from, to } = look.rollout;
  return carrying(look).some((release) => release !== from && release !== to);
}

/** The releases that have ready servers with traffic. */
export function carrying(look: Look): readonly number[] {
  return [...look.view.groups.keys()].filter((release) => inTrafficCount(look, release) > 0);
}

/** What has no part in this rollout goes, once those that have can carry its traffic with their own. */
export function lowerOthersWhenSafe(look: Look): readonly Action[] {
  const { desired, rollout, view } = look;
  const enough = inTrafficCount(look, rollout.from) + inTrafficCount(look, rollout.to);
  const safe = !othersCarry(look) || enough >= neededOf(rollout, desired.count);
  return safe ? lowerOthers(desired, view, [rollout.from, rollout.to]) : [];
}

/** What has to go before servers of this release may start, and the order to go; undefined when nothing stands in the way. */
export function stopOthersFirst(
  { desired, view }: Look,
  release: number,
): { readonly others: readonly number[]; readonly stopping: readonly Action[] } | undefined {
  const others = inTheWayOf(desired, view, release);
  if (others.length === 0) return undefined;
  const stopping = others.flatMap((other) =>
    resizeTo(desired, view, other, 0, `release ${other} stops before release ${release} starts`),
  );
  return { others, stopping };
}

/** How many servers of a release carry its traffic: those that others may leave for. */
export function inTrafficCount({ desired, view }: Look, release: number | undefined): number {
  const group = release === undefined ? undefined : view.groups.get(release);
  return group === undefined ? 0 : carriersOf(desired, group).length;
}

export function record(look: Look, change: RecordChange, reason: string): Action {
  return { kind: "record", service: look.desired.service, change, reason };
}

export function end(
  look: Look,
  phase: "complete" | "rolled-back" | "failed",
  serving: number | undefined,
  warm: readonly WarmRelease[],
  reason: string,
): Action {
  const { rollout, nowMs } = look;
  return record(look, { kind: "end", rollout: rollout.id, phase, serving, warm, atMs: nowMs }, reason);
}

export function act(actions: readonly Action[]): Plan {
  return { actions, wakeAtMs: undefined };
}

/** Nothing more to do until something happens, or the deadline passes; on the way back that may have been. */
export function withDeadline({ rollout, nowMs }: Look, actions: readonly Action[]): Plan {
  const atMs = deadlineMs(rollout);
  return { actions, wakeAtMs: atMs > nowMs ? atMs : undefined };
}
