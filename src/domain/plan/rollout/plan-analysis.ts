import type { Action, Plan } from "../../rollout/actions.ts";
import type { AnalysisSpec } from "../../spec/rollout-policy.ts";
import { giveUp } from "./rollout-failure.ts";
import { act, type Look, record } from "./rollout-look.ts";

/**
 * A step that holds under analysis. A bad verdict counts at once; a good one only when the hold is over, and only if
 * it was found then. Without a verdict by then the rollout pauses: no verdict never counts as a good one.
 */
export function planAnalysis(
  look: Look,
  analysis: AnalysisSpec,
  holdEndsMs: number,
  before: readonly Action[],
  finish: () => Action,
): Plan {
  const { desired, rollout, nowMs } = look;
  const { verdict } = rollout;
  if (verdict?.outcome === "fail") return act([...before, ...giveUp(look, verdict.reason)]);
  const isFinal = verdict !== undefined && verdict.atMs >= holdEndsMs;
  if (isFinal && verdict.outcome === "pass") return act([...before, finish()]);
  if (isFinal) return act([...before, record(look, { kind: "pause", rollout: rollout.id }, verdict.reason)]);
  // The first look comes at once: the comparison counts from there.
  const nextMs = verdict === undefined ? nowMs : Math.min(holdEndsMs, verdict.atMs + analysis.intervalMs);
  if (nowMs < nextMs) return { actions: before, wakeAtMs: nextMs };
  const reason = `how release ${rollout.to} does against release ${rollout.from}`;
  return act([...before, { kind: "analyse", service: desired.service, rollout: rollout.id, reason }]);
}
