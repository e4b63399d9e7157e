import type { Target } from "../../domain/target.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { endingBy } from "../../lib/time/ending-by.ts";
import type { SteadyClock } from "../../lib/time/steady-clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { DriftSource } from "../../platform/contract/drift-source.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Readiness } from "../../platform/contract/readiness.ts";
import type { Store } from "../../store/store.ts";
import { recordNotices } from "../drift/watch-events.ts";
import { type Loop, startLoop } from "../loop/loop.ts";
import type { Timekeeper } from "../loop/timekeeper.ts";
import { TrafficRecorder } from "../loop/traffic-recorder.ts";
import type { Meter } from "../metrics/meter.ts";

/** A target whose platform is at work. */
export interface OpenTarget {
  readonly target: Target;
  readonly platform: Platform;
  /** What looks for drift there; without it nothing is found. */
  readonly drift?: DriftSource | undefined;
  /** Ends drift watch and platform. Absent: its opener does so. */
  readonly close?: () => Promise<void>;
}

export interface SiteParts {
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly log: Logger;
  readonly timekeeper: Timekeeper;
  readonly meter: Meter;
}

/** How long a good answer of a platform's probe counts. `kiln doctor` always asks again. */
const probeLastsMs = 60_000;
/** A probe that takes longer is not waited for. */
const probeTimeoutMs = 30_000;
/** The same for the figures of its traffic. */
const recordTimeoutMs = 30_000;

/** One target, with the loop that looks after its services. */
export class Site {
  readonly target: Target;
  readonly platform: Platform;
  readonly drift: DriftSource | undefined;
  readonly loop: Loop;
  readonly #clock: SteadyClock;
  readonly #telling: Disposable | undefined;
  readonly #recorder: TrafficRecorder;
  readonly #end: OpenTarget["close"];
  readonly #closing = new AbortController();
  #probed: { readonly readiness: Readiness; readonly sinceMs: number } | undefined;

  constructor(
    { target, platform, drift, close }: OpenTarget,
    { store, clock, log, timekeeper, meter }: SiteParts,
  ) {
    this.target = target;
    this.platform = platform;
    this.drift = drift;
    this.#clock = clock;
    this.#end = close;
    this.loop = startLoop({ target: target.name, store, platform, clock, log, drift, timekeeper, meter });
    this.#telling = drift && recordNotices(drift, store, log);
    this.#recorder = new TrafficRecorder({
      ...{ store, clock, log, meter, target: target.name, traffic: platform.traffic },
      call: () => this.#call(recordTimeoutMs),
      // What is only remembered says nothing of this minute.
      seen: () => (this.loop.observer.trouble === undefined ? this.loop.seen() : undefined),
    });
  }

  /** Never throws. A probe really tries what it reports; a target that was found usable is not asked again at once. */
  async probe(): Promise<Readiness> {
    const last = this.#probed;
    if (last?.readiness.usable && this.#clock.elapsed() - last.sinceMs < probeLastsMs) return last.readiness;
    const readiness = await this.#probeNow();
    this.#probed = { readiness, sinceMs: this.#clock.elapsed() };
    return readiness;
  }

  async #probeNow(): Promise<Readiness> {
    const call = this.#call(probeTimeoutMs);
    try {
      return await endingBy(call.signal, this.platform.probe(call));
    } catch (error) {
      const { message, hint = "Repeat the command when the target answers again." } = toKilnError(error);
      return { usable: false, gaps: [{ what: message, remedy: hint, severity: "fatal" }], facts: [] };
    }
  }

  /** Ends all passes; servers keep running. */
  async close(): Promise<void> {
    this.#telling?.[Symbol.dispose]();
    // Both know that they are to end before their calls do.
    const ended = Promise.all([this.#recorder.close(), this.loop.close()]);
    this.#closing.abort();
    await ended;
    await this.#end?.();
  }

  #call(timeoutMs: number): Call {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
    return { signal, deadline: this.#clock.now() + timeoutMs };
  }
}
