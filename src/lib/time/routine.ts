import { setImmediate as othersFirst } from "node:timers/promises";
import type { Clock } from "./clock.ts";

export interface RoutineParts {
  readonly clock: Clock;
  /**
   * Does what is due. Returns after how many ms something is due again (`Infinity`: once it is woken), or undefined: never. It ends soon after the
   * signal fires.
   */
  readonly turn: (signal: AbortSignal) => Promise<number | undefined>;
  /** A turn that throws is repeated after `retryMs`, however often it is woken meanwhile. */
  readonly failed: (error: unknown) => void;
  readonly retryMs: number;
}

/** Longer timers are made of several. */
const longestSleepMs = 3_600_000;

/** Work that repeats by itself until it is ended: it does what is due, then sleeps until more is due, or until it is woken. */
export class Routine {
  readonly #parts: RoutineParts;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #woken = new AbortController();

  constructor(parts: RoutineParts) {
    this.#parts = parts;
    this.#running = this.#run();
  }

  /** Another turn follows at once, or after the one that is under way. */
  wake(): void {
    this.#woken.abort();
  }

  /** Resolves after the turn that is under way. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, turn, failed, retryMs } = this.#parts;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#woken = new AbortController();
      try {
        const pauseMs = await turn(signal);
        if (pauseMs === undefined) return;
        await this.#sleep(pauseMs);
      } catch (error) {
        failed(error);
        await clock.sleep(retryMs, signal).catch(() => {});
      }
    }
  }

  async #sleep(ms: number): Promise<void> {
    if (ms <= 0) return await othersFirst();
    const signal = AbortSignal.any([this.#stop.signal, this.#woken.signal]);
    if (ms === Number.POSITIVE_INFINITY) await aborted(signal);
    else await this.#parts.clock.sleep(Math.min(ms, longestSleepMs), signal).catch(() => {});
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
