import type { Clock } from "./clock.ts";

/**
 * Calls many back, each at its own moment, with one sleep for all of them. A sleep of its own for each of a hundred
 * servers that are checked every second is a promise, a timer and a listener that live long enough to leave the young
 * generation: they were a third of what made V8 mark its whole heap every four seconds.
 */
export class Timetable {
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  /** What is due, by its moment. */
  readonly #due = new Map<number, (() => void)[]>();
  #sleep: AbortController | undefined;
  #wakesAtMs = Number.POSITIVE_INFINITY;

  /** No callback is called after `signal` has fired. */
  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#sleep?.abort());
  }

  /** Calls `work`, which must not throw, at this moment as `Clock.elapsed` counts; soon, when that is past. */
  at(atMs: number, work: () => void): void {
    const others = this.#due.get(atMs);
    if (others === undefined) this.#due.set(atMs, [work]);
    else others.push(work);
    if (atMs < this.#wakesAtMs) this.#sleepUntil(atMs);
  }

  #sleepUntil(atMs: number): void {
    this.#sleep?.abort();
    if (this.#signal.aborted) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    this.#wakesAtMs = atMs;
    this.#clock.sleep(Math.max(0, atMs - this.#clock.elapsed()), sleep.signal).then(
      () => this.#wake(),
      () => {}, // something earlier is due, or all of it has ended
    );
  }

  #wake(): void {
    this.#sleep = undefined;
    this.#wakesAtMs = Number.NEGATIVE_INFINITY; // what is added meanwhile needs no sleep of its own
    const nowMs = this.#clock.elapsed();
    for (const atMs of [...this.#due.keys()].filter((ms) => ms <= nowMs).sort((a, b) => a - b)) {
      const due = this.#due.get(atMs) ?? [];
      this.#due.delete(atMs);
      for (const work of due) if (!this.#signal.aborted) work();
    }
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
    if (this.#due.size > 0) this.#sleepUntil(Math.min(...this.#due.keys()));
  }
}
