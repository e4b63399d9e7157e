import type { Clock } from "../lib/time/clock.ts";

/** So many keys are remembered at most; then the oldest are forgotten. */
const mostKeys = 10_000;

interface Window {
  readonly sinceMs: number;
  used: number;
}

/** How often each key may do something within a span of time. */
export class Budget {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(limit: number, windowMs: number, clock: Clock) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** Counts one more, and tells whether it is still within the limit. */
  take(key: string): boolean {
    const now = this.#clock.elapsed();
    const known = this.#windows.get(key);
    if (known !== undefined && now - known.sinceMs < this.#windowMs) {
      known.used += 1;
      return known.used <= this.#limit;
    }
    this.#windows.delete(key); // so that the new one is the youngest
    if (this.#windows.size >= mostKeys) this.#forgetOldest();
    this.#windows.set(key, { sinceMs: now, used: 1 });
    return true;
  }

  /** Whether the next one would not be within the limit. */
  isSpent(key: string): boolean {
    const known = this.#windows.get(key);
    if (known === undefined || this.#clock.elapsed() - known.sinceMs >= this.#windowMs) return false;
    return known.used >= this.#limit;
  }

  #forgetOldest(): void {
    for (const [key] of this.#windows) {
      this.#windows.delete(key);
      return;
    }
  }
}
