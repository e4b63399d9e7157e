import type { Action, Plan, RecordChange } from "./actions.ts";
import type { DesiredService, Rollout, WarmRelease } from "./rollout.ts";
import type { ServiceView } from "./service-view.ts";
import type { Step } from "./spec.ts";

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

/** True when the old group stays whole beside the new one, ready for a rollback in one switch. */
export function keepsOld(rollout: Rollout): boolean {
  return rollout.policy.strategy !== "recreate" && rollout.policy.keepWarmMs > 0;
}

/** When a rollout without a new highest number of ready servers fails. A long hold is no lack of progress. */
export function deadlineMs(rollout: Rollout): number {
  const held = rollout.movedAtMs === undefined ? 0 : rollout.movedAtMs + currentStep(rollout).holdMs;
  return Math.max(rollout.progressAtMs, held) + rollout.policy.progressDeadlineMs;
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

/** Nothing more to do until something happens, or the deadline passes. */
export function withDeadline(look: Look, actions: readonly Action[]): Plan {
  return { actions, wakeAtMs: deadlineMs(look.rollout) };
}
