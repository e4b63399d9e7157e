import { setTimeout as delay } from "node:timers/promises";

/** Time, passed in so that tests and simulations own it. */
export interface Clock {
  /** Milliseconds since 1970 (Unix time): for moments that are told or kept. Somebody may set it, forward or back. */
  now(): number;
  /** Whole milliseconds since some moment, whatever is done to the clock: for how long something lasts in this process. */
  elapsed(): number;
  /** Resolves after `ms`; rejects with an AbortError when the signal fires first. Nobody's setting of the clock counts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};

/** The moment (Unix time in ms, as the clock shows it now) at which `elapsed` was this. */
export function momentOf(clock: Clock, elapsedMs: number): number {
  return clock.now() - (clock.elapsed() - elapsedMs);
}

/** What `elapsed` was at that moment. One that is still to come, on a clock that was set back, counts as now. */
export function elapsedAt(clock: Clock, atMs: number): number {
  return clock.elapsed() - Math.max(0, clock.now() - atMs);
}
