import type { RolloutPolicy, Step } from "../spec/rollout-policy.ts";

/**
 * Compiles a strategy to steps. `first`: nothing serves yet, so there is nothing to protect and all servers come at
 * once. The last step always has share 1 and holds for the bake time.
 */
export function compileSteps(policy: RolloutPolicy, count: number, first: boolean): readonly Step[] {
  const last: Step = { share: 1, holdMs: policy.bakeMs };
  if (first) return [last];
  if (policy.strategy === "canary") return [...policy.steps.filter((step) => step.share < 1), last];
  if (policy.strategy !== "rolling") return [last];
  const batch = Math.max(1, policy.surge + policy.unavailable);
  const steps: Step[] = [];
  for (let raised = batch; raised < count; raised += batch) steps.push({ share: raised / count, holdMs: 0 });
  return [...steps, last];
}

/** A rollback is one switch: the whole group, then all the traffic. */
export function rollbackSteps(policy: RolloutPolicy): readonly Step[] {
  return [{ share: 1, holdMs: policy.bakeMs }];
}

/**
 * A move is one switch, which a person asks for. `shared`: the port changes hands only then. Otherwise the new target serves beforehand,
 * at addresses of its own, where it can be tried, and users can be sent there.
 */
export function moveSteps(policy: RolloutPolicy, shared: boolean): readonly Step[] {
  const proven: Step = { share: 1, holdMs: policy.bakeMs };
  return shared ? [proven] : [proven, { share: 1, holdMs: 0 }];
}

/** Servers that the new group has at the end of a step. */
export function sizeAtStep(step: Step, count: number): number {
  if (count === 0) return 0;
  // Shares are quotients of whole numbers: what is within a rounding error of a whole number of servers is that number.
  return Math.min(count, Math.max(1, Math.ceil(step.share * count - 1e-9)));
}
