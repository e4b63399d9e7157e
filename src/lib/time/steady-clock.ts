import type { Clock } from "./clock.ts";

/** A smaller difference is not a step: it does not end a deadline early, and is not reported. */
export const leastStepMs = 1_000;

/**
 * The clock of a long-running process with many deadlines. It runs evenly while the system's clock jumps (set by a person
 * or by NTP, or after the machine was suspended) until it is told to adopt the change.
 */
export interface SteadyClock extends Clock {
  /** By how much the system's clock was set and this one not yet: below 0 when set back, 0 for less than a second. */
  stepMs(): number;
  /** From here on `now` includes the change; `elapsed` continues unchanged. */
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
