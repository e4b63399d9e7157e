import type { Action } from "./actions.ts";
import type { ServerFailure } from "./observation.ts";
import { currentStep, deadlineMs, end, type Look, record } from "./rollout-look.ts";
import { readyCount } from "./service-view.ts";

/** Servers that may end or fail to start before the release counts as broken: one may be bad luck, three are not. */
const toleratedFailures = 2;

/** Why the release has to be given up, or undefined while there is hope. */
export function failureOf(look: Look, ready: number, size: number): string | undefined {
  const { rollout, view, nowMs } = look;
  const failures = (view.groups.get(rollout.to)?.failures ?? []).filter(
    (f) => f.atMs >= rollout.judgedFromMs,
  );
  const latest = failures.at(-1);
  const hopeless = failures.find((f) => f.permanent) ?? failures.find((f) => f.kind === "unready");
  if (hopeless !== undefined) return describe(hopeless);
  if (latest !== undefined && failures.length > toleratedFailures) {
    return `${failures.length} servers failed, the last one: ${describe(latest)}`;
  }
  if (ready === 0 && size > 0 && couldServeAgain(look)) {
    return `none of its servers is healthy any more${latest ? `: ${describe(latest)}` : ""}`;
  }
  const isNews = ready > rollout.highestReady; // the traffic may move with this very look
  if (isNews || nowMs < deadlineMs(rollout)) return undefined;
  const minutes = Math.round(rollout.policy.progressDeadlineMs / 6000) / 10;
  if (ready < size) {
    return `no further server became ready within ${minutes} min (${ready} of ${size} are)${latest ? `: ${describe(latest)}` : ""}`;
  }
  if (rollout.movedAtMs !== undefined) return undefined;
  return `the traffic could not be moved to release ${rollout.to} within ${minutes} min`;
}

/** All the traffic has moved to servers none of which can take it, and the old ones could. */
function couldServeAgain({ rollout, view }: Look): boolean {
  const { kind, from, movedAtMs } = rollout;
  if (kind !== "deploy" || movedAtMs === undefined || currentStep(rollout).share < 1) return false;
  return readyCount(view, from) > 0;
}

function describe(failure: ServerFailure): string {
  return `${failure.id} ${failure.reason}`;
}

/** A deploy turns back, or stops if its policy says so. A rollback is never rolled back: the traffic stays where it is. */
export function giveUp(look: Look, why: string): readonly Action[] {
  const { rollout, nowMs } = look;
  if (rollout.kind === "rollback") {
    const serving = rollout.movedAtMs === undefined ? rollout.from : rollout.to;
    return [end(look, "failed", serving, [], why)];
  }
  if (rollout.policy.onFailure === "stop") return [record(look, { kind: "pause", rollout: rollout.id }, why)];
  return [record(look, { kind: "turn-back", rollout: rollout.id, atMs: nowMs }, why)];
}
