import type { Observation } from "../../domain/observation.ts";
import { KilnError, toKilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Trouble } from "../operations.ts";

/** For whom a look may take so long; a look that takes longer is reported, and continues. */
const patienceMs = 5_000;
/** The same for someone who can do nothing without it. */
const needMs = 15_000;

const againHint = "The controller asks again by itself; `kiln doctor` says more.";

export interface ObserverOptions {
  /** Of the target. */
  readonly name: string;
  readonly clock: Clock;
  /** One look at the target, which ends in its own time. */
  readonly look: () => Promise<Observation>;
}

/** What is known of a target right now. */
export interface Glance {
  /** From a look that began after it was asked for; with `trouble`, what was seen last, if anything. */
  readonly observation: Observation | undefined;
  /** Why there is nothing newer. */
  readonly trouble: Trouble | undefined;
}

/** Looks at one target. A look serves every caller who asked before it began: many services in need of one cost one. */
export class Observer {
  readonly #options: ObserverOptions;
  #running: Promise<unknown> | undefined;
  #next: Promise<Observation> | undefined;
  #last: Observation | undefined;
  /** When the present look began, by the clock's `elapsed`; undefined while there is none. */
  #sinceMs: number | undefined;
  #failed: Trouble | undefined;

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** A look that begins after this call. Rejects with its error. */
  observe(): Promise<Observation> {
    this.#next ??=
      this.#running === undefined
        ? Promise.resolve().then(() => this.#look())
        : this.#running.then(() => this.#look());
    return this.#next;
  }

  /** The same for someone who cannot wait: a target that is down costs them a few seconds at most, and once. */
  async glance(forMs = patienceMs): Promise<Glance> {
    try {
      const observation = await this.#within(forMs);
      return observation === undefined
        ? { observation: this.#last, trouble: this.#silence() }
        : { observation, trouble: undefined };
    } catch {
      return { observation: this.#last, trouble: this.trouble };
    }
  }

  /** A look for someone who needs it. Throws `target_unreachable` where there is none in time. */
  async see(): Promise<Observation> {
    const { observation, trouble } = await this.glance(needMs);
    if (trouble === undefined && observation !== undefined) return observation;
    throw this.#unreachable(trouble ?? this.#silence());
  }

  /** Throws `target_unreachable` when the present look has long been without an answer. */
  requireAnswer(): void {
    if (this.#lookingMs >= patienceMs) throw this.#unreachable(this.#silence());
  }

  /** Why the target cannot be seen now; undefined while it can, as far as is known. */
  get trouble(): Trouble | undefined {
    return this.#lookingMs >= patienceMs ? this.#silence() : this.#failed;
  }

  get #lookingMs(): number {
    return this.#sinceMs === undefined ? 0 : this.#options.clock.elapsed() - this.#sinceMs;
  }

  /** Undefined when one look is without an answer for so long: a target that answers slowly is waited for. */
  async #within(forMs: number): Promise<Observation | undefined> {
    const done = new AbortController();
    const observation = this.observe();
    try {
      for (;;) {
        const late = this.#options.clock.sleep(Math.max(0, forMs - this.#lookingMs), done.signal);
        const seen = await Promise.race([observation, late.then(noObservation, noObservation)]);
        if (seen !== undefined || this.#lookingMs >= forMs) return seen;
      }
    } finally {
      done.abort();
    }
  }

  #look(): Promise<Observation> {
    this.#next = undefined;
    this.#sinceMs = this.#options.clock.elapsed();
    const result = this.#options.look();
    this.#running = result.then(
      (observation) => this.#ended(observation, undefined),
      (error: unknown) => this.#ended(this.#last, error),
    );
    return result;
  }

  #ended(observation: Observation | undefined, error: unknown): void {
    this.#sinceMs = undefined;
    this.#last = observation;
    this.#failed = error === undefined ? undefined : this.#troubleOf(error);
  }

  #troubleOf(error: unknown): Trouble {
    const { message, hint } = toKilnError(error);
    return { message, hint, sinceMs: this.#failed?.sinceMs ?? this.#options.clock.now() };
  }

  #unreachable({ message, hint = againHint }: Trouble): KilnError {
    const { name } = this.#options;
    return new KilnError("target_unreachable", `The target ${name} cannot be seen. ${message}`, {
      hint,
      retry: true,
    });
  }

  #silence(): Trouble {
    const { clock } = this.#options;
    const sinceMs = this.#failed?.sinceMs ?? clock.now() - this.#lookingMs;
    const seconds = Math.round((clock.now() - sinceMs) / 1_000);
    return { message: `It has not answered for ${seconds} s.`, hint: againHint, sinceMs };
  }
}

function noObservation(): undefined {}
