import type { ServiceKey } from "../../domain/ids.ts";
import type { ServiceWarning } from "../../domain/observation.ts";
import { clauseOf, toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../contract/call.ts";

const firstPauseMs = 1000;
const longestPauseMs = 30_000;
/** What fails for as long is reported: the caller that waits has to know. */
const toldAfterMs = 10_000;

/** A step that is repeated because it fails. */
interface Failing {
  readonly service: ServiceKey;
  readonly what: string;
  /** As `Clock.elapsed` counts. */
  readonly sinceMs: number;
  readonly error: unknown;
}

/** Work that no caller waits for: it continues until it is done or the fleet is disposed of. */
export class Background implements AsyncDisposable {
  readonly clock: Clock;
  readonly log: Logger;
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #failing = new Map<object, Failing>();

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
  async persist(service: ServiceKey, what: string, step: () => Promise<void>): Promise<void> {
    try {
      await this.#repeat(service, what, step);
    } finally {
      this.#failing.delete(step);
    }
  }

  async #repeat(service: ServiceKey, what: string, step: () => Promise<void>): Promise<void> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      this.signal.throwIfAborted();
      try {
        return await step();
      } catch (error) {
        this.signal.throwIfAborted();
        const sinceMs = this.#failing.get(step)?.sinceMs ?? this.clock.elapsed();
        this.#failing.set(step, { service, what, sinceMs, error });
        this.log.warn({ err: toKilnError(error) }, `${what} failed; Kiln repeats it in ${pauseMs / 1000} s`);
        await this.clock.sleep(pauseMs, this.signal);
      }
    }
  }

  /** Steps that have failed for some time. */
  warnings(): readonly ServiceWarning[] {
    const nowMs = this.clock.elapsed();
    const long = [...this.#failing.values()].filter(({ sinceMs }) => nowMs - sinceMs >= toldAfterMs);
    return long.map(({ service, what, error }) => ({
      service,
      message: `${what} fails: ${clauseOf(error)}.`,
      hint: toKilnError(error).hint ?? "Kiln repeats it.",
    }));
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
