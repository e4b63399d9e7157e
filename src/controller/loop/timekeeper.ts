import { leastStepMs, type SteadyClock } from "../../lib/time/steady-clock.ts";
import type { Store } from "../../store/store.ts";

/**
 * Deadlines are kept as moments, so that they outlast a controller. When the clock is set, they are moved along
 * with it: each lasts as long as without that change.
 */
export interface Timekeeper {
  /**
   * Looks whether the clock was set, and does what follows. Returns how often it was so far: what was seen or planned
   * under another number than the present one is void, for its moments are of another time. Throws what the store throws.
   */
  setting(): number;
}

export function createTimekeeper(store: Store, clock: SteadyClock): Timekeeper {
  let settings = 0;
  return {
    setting: () => {
      const byMs = clock.stepMs();
      if (byMs === 0) return settings;
      store.moveMoments(byMs, `The clock was set ${byMs < 0 ? "back" : "forward"} by ${words(byMs)}`);
      clock.move(byMs);
      return ++settings;
    },
  };
}

/**
 * A controller begins, and does not know for how long there was none: a rollout, which could make no progress meanwhile,
 * gets its whole deadline again. A clock that was set back in that time shows itself by moments that are still to come.
 */
export function freshLook(store: Store, nowMs: number): void {
  const aheadMs = (store.latestMoment() ?? nowMs) - nowMs;
  if (aheadMs >= leastStepMs) {
    store.moveMoments(
      -aheadMs,
      `While no controller ran, the clock was set back by ${words(aheadMs)} or more`,
    );
  }
  for (const { service, rollout } of store.desiredAll()) {
    if (rollout === undefined || rollout.phase === "paused") continue;
    const { id, highestReady } = rollout;
    const change = { kind: "progress", rollout: id, highestReady, atMs: nowMs } as const;
    store.apply(service, change, "the controller has started again");
  }
}

function words(ms: number): string {
  const seconds = Math.abs(ms) / 1_000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}
