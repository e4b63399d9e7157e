import { setTimeout as delay } from "node:timers/promises";

/** Time, passed in so that tests and simulations control it. */
export interface Clock {
  /** Milliseconds since 1970 (Unix time): for moments that are shown or stored. The clock may be set, forward or back. */
  now(): number;
  /** Whole milliseconds since some moment, independent of changes to the clock: for durations within this process. */
  elapsed(): number;
  /** Resolves after `ms`; rejects with an AbortError when the signal fires first. Setting the clock has no effect. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};

/** The moment (Unix time in ms, by the clock as it is now) at which `elapsed` had this value. */
export function momentOf(clock: Clock, elapsedMs: number): number {
  return clock.now() - (clock.elapsed() - elapsedMs);
}

/** The value of `elapsed` at that moment. A future moment, after the clock was set back, counts as now. */
export function elapsedAt(clock: Clock, atMs: number): number {
  return clock.elapsed() - Math.max(0, clock.now() - atMs);
}
