import type { Clock } from "./clock.ts";

/** Less than that is no step: such a difference ends nobody's deadline, and is not worth a word. */
export const leastStepMs = 1_000;

/**
 * The clock of a process that lives long and counts many deadlines. It goes on evenly whatever is done to the system's
 * clock (set by a person or by NTP, or left behind by a machine that was suspended) until it is told to take that over.
 */
export interface SteadyClock extends Clock {
  /** By how much the system's clock was set and this one was not yet: below 0 when back, 0 while less than a second. */
  stepMs(): number;
  /** From here on `now` shows so much more; `elapsed` goes on as it was. */
  move(byMs: number): void;
}

export function steadyClock(system: Clock): SteadyClock {
  let aheadMs = system.now() - system.elapsed();
  const now = () => system.elapsed() + aheadMs;
  return {
    now,
    elapsed: () => system.elapsed(),
    sleep: (ms, signal) => system.sleep(ms, signal),
    stepMs: () => {
      const ms = system.now() - now();
      return Math.abs(ms) < leastStepMs ? 0 : ms;
    },
    move: (byMs) => {
      aheadMs += byMs;
    },
  };
}
