import type { Clock } from "./clock.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
  /** Stops listening to its signal. */
  readonly letGo: () => void;
}

/**
 * A clock that stands still until it is told to move: for tests and simulations. Sleepers wake in the order of their
 * times (and of their calls, for equal times), and everything that one wakes has run before the next one wakes, so
 * the same program takes the same course each time, as long as it waits for nothing but this clock.
 */
export class FakeClock implements Clock, Disposable {
  #nowMs: number;
  /** The sum of all changes by `set`. */
  #setMs = 0;
  #order = 0;
  /** Latest first, so that the next one is at the end. */
  readonly #timers: Timer[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs + this.#setMs;
  }

  elapsed(): number {
    return this.#nowMs;
  }

  /** Sets the clock forward or (below 0) back: no time passes, and no sleeper wakes. */
  set(byMs: number): void {
    this.#setMs += byMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError());
      const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, wake, letGo };
      const onAbort = () => {
        this.#remove(timer);
        reject(abortError());
      };
      function letGo() {
        signal?.removeEventListener("abort", onAbort);
      }
      function wake() {
        letGo();
        resolve();
      }
      this.#insert(timer);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Ends time: no sleeper wakes any more, and the signals of sleepers (which Node.js keeps) can be freed. */
  [Symbol.dispose](): void {
    for (const { letGo } of this.#timers.splice(0)) letGo();
  }

  /** How many sleepers there are now. */
  get sleepers(): number {
    return this.#timers.length;
  }

  /**
   * Lets `ms` pass: every sleeper that is due by then wakes at its own time. `afterEach` is called when everything
   * that one of them wakes has run.
   */
  async advance(ms: number, afterEach?: () => void): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settleMicrotasks();
    while ((this.#timers.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) <= endMs) {
      await this.#wakeNext();
      afterEach?.();
    }
    this.#nowMs = Math.max(this.#nowMs, endMs);
    await settleMicrotasks();
  }

  /**
   * Lets time pass, from one sleeper to the next, until `condition` holds. Throws after `limitMs`, or when no
   * sleeper is left, so that nothing can change any more.
   */
  async until(condition: () => boolean | Promise<boolean>, limitMs = 600_000): Promise<void> {
    const endMs = this.#nowMs + limitMs;
    await settleMicrotasks();
    while (!(await condition())) {
      await settleMicrotasks(); // evaluating the condition may have started something
      const nextMs = this.#timers.at(-1)?.atMs;
      if (nextMs === undefined) {
        if (await condition()) return;
        throw new Error("The condition does not hold, and nothing is left to wait for.");
      }
      if (nextMs > endMs) throw new Error(`The condition did not hold within ${limitMs} ms.`);
      await this.#wakeNext();
    }
  }

  /** Lets time pass until the promise settles, and returns its value or throws its error. */
  async settle<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.until(() => settled, limitMs);
    return promise;
  }

  async #wakeNext(): Promise<void> {
    const timer = this.#timers.pop();
    if (timer === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    timer.wake();
    await settleMicrotasks();
  }

  #insert(timer: Timer): void {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle];
      if (other !== undefined && isLater(other, timer)) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }
}

function isLater(a: Timer, b: Timer): boolean {
  return a.atMs > b.atMs || (a.atMs === b.atMs && a.order > b.order);
}

/** A macrotask runs only when no microtask is left, however deep the chain of promises is. */
function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function abortError(): Error {
  return new DOMException("The operation was aborted", "AbortError");
}
