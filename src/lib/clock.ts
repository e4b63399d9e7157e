import { setTimeout as delay } from "node:timers/promises";

/** Time, passed in so that tests and simulations own it. */
export interface Clock {
  /** Milliseconds since 1970 (Unix time). */
  now(): number;
  /** Resolves after `ms`; rejects with an AbortError when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal } : {}),
};
