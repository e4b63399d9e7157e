import type { KilnEvent } from "../../domain/event.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import type { Phases } from "../operations.ts";

/** How long the parts of a rollout took, read from the rollout's events. */
export function phasesOf(rollout: Rollout, events: readonly KilnEvent[]): Phases {
  const own = events.filter((event) => event.data.rollout === rollout.id);
  const at = (kind: string) => own.filter((event) => event.kind === kind).map((event) => event.atMs);
  const moves = at("rollout.moved");
  const first = moves[0];
  const last = moves.at(-1);
  const turned = at("rollout.turned-back")[0];
  const ended = rollout.endedAtMs;
  const before = rollout.jobs.filter((run) => run.when === "before");
  const raisedFromMs = Math.max(rollout.startedAtMs, ...before.map((run) => run.end?.atMs ?? 0));
  const forwardEnd = turned ?? ended;
  return {
    ...(first === undefined ? {} : { raisingMs: lasting(raisedFromMs, first) }),
    ...(first === undefined || last === undefined ? {} : { movingMs: lasting(first, last) }),
    ...(last === undefined || forwardEnd === undefined ? {} : { holdingMs: lasting(last, forwardEnd) }),
    ...(turned === undefined || ended === undefined ? {} : { backMs: lasting(turned, ended) }),
  };
}

/** The log stays as it was recorded: across a step of the clock, a difference of its times may be negative, or too long. */
function lasting(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs);
}
