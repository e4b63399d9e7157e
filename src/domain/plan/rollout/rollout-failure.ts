import type { ServerFailure } from "../../observation.ts";
import type { Action } from "../../rollout/actions.ts";
import type { Rollout } from "../../rollout/rollout.ts";
import { readyCount, type ServiceView } from "../service-view.ts";
import { currentStep, deadlineMs, end, type Look, record } from "./rollout-look.ts";

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
    return `none of its servers is healthy any longer${latest ? `: ${describe(latest)}` : ""}`;
  }
  const isNews = ready > rollout.highestReady; // the traffic may move with this very look
  if (isNews || nowMs < deadlineMs(rollout)) return undefined;
  const minutes = minutesOf(rollout);
  if (ready < size) {
    return `no further server became ready within ${minutes} min (${ready} of ${size} are)${latest ? `: ${describe(latest)}` : ""}`;
  }
  if (rollout.movedAtMs !== undefined) return undefined;
  return `the traffic could not be moved to release ${rollout.to} within ${minutes} min`;
}

/**
 * Why the release has to be given up when the router said that it has moved the traffic and yet does not have it so: after
 * the hold and the deadline. While a job runs that is its own deadline's business, and its end counts as progress.
 */
export function neverMoved({ rollout, nowMs }: Look): string | undefined {
  const isWaiting = rollout.jobs.some(({ end }) => end === undefined);
  if (isWaiting || nowMs < deadlineMs(rollout)) return undefined;
  return `the router did not give release ${rollout.to} its share of the traffic within ${minutesOf(rollout)} min`;
}

function minutesOf({ policy }: Rollout): number {
  return Math.round(policy.progressDeadlineMs / 6000) / 10;
}

/** All the traffic has moved to servers none of which can take it, and the old ones could. */
function couldServeAgain({ rollout, view }: Look): boolean {
  const { kind, from, movedAtMs } = rollout;
  if (kind !== "deploy" || movedAtMs === undefined || currentStep(rollout).share < 1) return false;
  return readyCount(view, from) > 0;
}

/** The old release still has the traffic, and the new one has none. */
function isBehind({ from, to }: Rollout, view: ServiceView): boolean {
  const shareOf = (release: number | undefined) => view.groups.get(release ?? 0)?.share ?? 0;
  return shareOf(from) > 0 && shareOf(to) === 0;
}

function describe(failure: ServerFailure): string {
  return `${failure.id} ${failure.reason}`;
}

/** A deploy turns back, or stops if its policy says so. A rollback is never rolled back: the traffic stays where it is. */
export function giveUp(look: Look, why: string): readonly Action[] {
  const { rollout, view, nowMs } = look;
  if (rollout.kind === "rollback") {
    const serving = rollout.movedAtMs === undefined || isBehind(rollout, view) ? rollout.from : rollout.to;
    return [end(look, "failed", serving, [], why)];
  }
  if (rollout.policy.onFailure === "stop") return [record(look, { kind: "pause", rollout: rollout.id }, why)];
  return [record(look, { kind: "turn-back", rollout: rollout.id, atMs: nowMs }, why)];
}
