import type { RolloutPolicy } from "../spec/rollout-policy.ts";
import type { TargetName } from "../target.ts";
import type { DesiredService, Move } from "./rollout.ts";

/** Clients that are idle on a connection of before may come back to the target that was left for this long: a router ends such connections after 75 s. */
const comeBackMs = 90_000;

/** How long the servers on the target that was left are kept: as for any way back, and until no connection leads there. */
export function keptForMs({ keepWarmMs }: RolloutPolicy): number {
  return Math.max(keepWarmMs, comeBackMs);
}

/**
 * The service as one target is to see it; undefined where nothing of it is. On each of its two targets a service that moves is planned like
 * any other: where it comes to as a service that is new there, where it is as one without a rollout, and where it was as one that is
 * kept, and then removed. On a target that was given up it is one that is removed, should that target answer again.
 */
export function atTarget(desired: DesiredService, target: TargetName): DesiredService | undefined {
  const { move, rollout, givenUp = [] } = desired;
  if (move === undefined && givenUp.length === 0) return target === desired.target ? desired : undefined;
  const moving = rollout?.kind === "move" ? rollout : undefined;
  const isHere = (one: { readonly target?: TargetName | undefined }) =>
    (one.target ?? desired.target) === target;
  const here = { taints: desired.taints.filter(isHere), runs: desired.runs?.filter(isHere) };
  if (target === desired.target) return { ...desired, ...here, rollout: moving ? undefined : rollout };
  const there: DesiredService = {
    ...{ ...desired, ...here },
    ...{ target, serving: undefined, rollout: undefined, warm: [] },
  };
  const lost = givenUp.find((one) => one.target === target);
  if (lost !== undefined) return { ...there, move: { ...lost, keptUntilMs: undefined }, removed: true };
  if (target !== move?.target) return undefined;
  if (desired.removed) return there;
  if (moving !== undefined) return { ...there, rollout: { ...moving, from: undefined } };
  return left(there, move);
}

/** Where the users may still come, it serves until it goes; where its port has a new holder, its servers only wait. */
function left(there: DesiredService, { release, shared, keptUntilMs }: Move): DesiredService {
  if (keptUntilMs === undefined) return { ...there, removed: true };
  const warm = [{ release, untilMs: keptUntilMs }];
  return { ...there, warm, serving: shared ? undefined : release };
}
