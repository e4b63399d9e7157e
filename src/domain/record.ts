import type { RecordChange } from "./actions.ts";
import type { DesiredService, Rollout } from "./rollout.ts";

/**
 * What is desired after a change; undefined when the service is gone. A change that speaks of another rollout than
 * the running one is stale and changes nothing: whoever planned it will look again.
 */
export function applyChange(desired: DesiredService, change: RecordChange): DesiredService | undefined {
  if (change.kind === "gone") return undefined;
  if (change.kind === "warm-over") {
    return { ...desired, warm: desired.warm.filter((w) => w.release !== change.release) };
  }
  const rollout = desired.rollout;
  if (rollout === undefined || rollout.id !== change.rollout) return desired;
  if (change.kind === "end") {
    return { ...desired, serving: change.serving, warm: change.warm, rollout: undefined };
  }
  return { ...desired, rollout: changeRollout(rollout, change) };
}

/** The rollout's record after a change of it. */
export function changeRollout(
  rollout: Rollout,
  change: Exclude<RecordChange, { kind: "gone" | "warm-over" }>,
  reason?: string,
): Rollout {
  switch (change.kind) {
    case "progress":
      return { ...rollout, highestReady: change.highestReady, progressAtMs: change.atMs };
    case "moved":
      return { ...rollout, movedAtMs: change.atMs };
    case "step":
      return { ...rollout, step: change.step, movedAtMs: undefined, progressAtMs: change.atMs };
    case "turn-back":
      return { ...rollout, phase: "back", movedAtMs: undefined, progressAtMs: change.atMs, reason };
    case "pause":
      return { ...rollout, phase: "paused", reason };
    case "end":
      return { ...rollout, phase: change.phase, endedAtMs: change.atMs, reason: reason ?? rollout.reason };
  }
}
