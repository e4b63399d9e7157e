import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../platform.ts";

const firstPauseMs = 1000;
const longestPauseMs = 30_000;

/** Work that no caller waits for: it continues until it is done or the fleet is disposed of. */
export class Background implements AsyncDisposable {
  readonly clock: Clock;
  readonly log: Logger;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(clock: Clock, log: Logger) {
    this.clock = clock;
    this.log = log;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Never rejects: a fault is logged, and the next look at the host shows what it left. */
  run(what: string, work: () => Promise<void>): Promise<void> {
    const job = work().catch((error: unknown) => {
      if (!this.signal.aborted) this.log.error({ err: error }, `${what} failed`);
    });
    this.#running.add(job);
    return job.finally(() => this.#running.delete(job));
  }

  /** Repeats an idempotent step with growing pauses until it succeeds. Rejects only when the fleet is disposed of. */
  async persist(what: string, step: () => Promise<void>): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.signal.throwIfAborted();
      try {
        return await step();
      } catch (error) {
        this.signal.throwIfAborted();
        this.log.warn({ err: toKilnError(error) }, `${what} failed; Kiln repeats it in ${pauseMs / 1000} s`);
        await this.clock.sleep(pauseMs, this.signal);
      }
    }
  }

  /** A call by the fleet itself. */
  call(timeoutMs: number, signal = this.signal): Call {
    return { signal, deadline: this.clock.now() + timeoutMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
