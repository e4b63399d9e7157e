import type { ServiceKey } from "../../domain/ids.ts";
import type { Observation } from "../../domain/observation.ts";
import type { TargetName } from "../../domain/target.ts";
import {
  addSpans,
  minuteMs,
  noTraffic,
  type ReleaseTraffic,
  type TrafficCounter,
  type TrafficSpan,
  trafficBetween,
} from "../../domain/traffic/traffic.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { endingBy } from "../../lib/time/ending-by.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";
import type { Meter } from "../metrics/meter.ts";

/** A server's counter goes with it: what it counted after the last reading is never known. */
const readEveryMs = 10_000;

export interface TrafficRecorderOptions {
  /** Whose traffic this is: what is read is remembered for each. */
  readonly target: TargetName;
  readonly store: Pick<Store, "recordTraffic" | "trafficReading">;
  readonly traffic: Platform["traffic"];
  readonly clock: Clock;
  readonly log: Logger;
  readonly meter: Pick<Meter, "traffic">;
  readonly call: () => Call;
  /** What is there now, as the last pass saw it; undefined where that is not known. */
  readonly seen: () => Observation | undefined;
}

/**
 * Records minute by minute what each release answered, and how many of its servers were ready: figures that cannot be
 * recovered later. What the data plane counted while no controller ran is found in the minute of the first reading.
 */
export class TrafficRecorder {
  readonly #options: TrafficRecorderOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #counters: readonly TrafficCounter[];
  #spans: readonly TrafficSpan[] = [];

  constructor(options: TrafficRecorderOptions) {
    this.#options = options;
    this.#counters = options.store.trafficReading(options.target);
    this.#running = this.#run();
  }

  /** Writes down what is known of the minute that has begun. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#attempt(async () => this.#write());
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#attempt(() => this.#lookUntilStopped());
      await this.#options.clock.sleep(readEveryMs, this.#stop.signal).catch(() => {});
    }
  }

  /** Nothing waits for figures: what fails is tried again with the next look. */
  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn({ err: toKilnError(error) }, "traffic could not be read or recorded");
    }
  }

  /** A look that is cut off by the end is not a problem to report. */
  async #lookUntilStopped(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #look(): Promise<void> {
    const { traffic, call, seen, clock, meter } = this.#options;
    const limits = call();
    const counters = traffic && (await endingBy(limits.signal, traffic.read(undefined, limits)));
    const observation = seen();
    if (observation === undefined) return;
    const atMs = clock.now() - (clock.now() % minuteMs);
    if (this.#spans.some((span) => span.atMs !== atMs)) this.#write();
    const grown = counters === undefined ? [] : trafficBetween(this.#counters, counters);
    meter.traffic(grown);
    this.#spans = merge([...this.#spans, ...spansOf(observation, grown, atMs)]);
    this.#counters = counters ?? this.#counters;
  }

  #write(): void {
    if (this.#spans.length === 0) return;
    const { store, target } = this.#options;
    store.recordTraffic(target, this.#spans, this.#counters);
    this.#spans = [];
  }
}

/** One look at every group; traffic of a group that is gone already is kept too. */
function spansOf(
  { groups }: Observation,
  traffic: readonly ReleaseTraffic[],
  atMs: number,
): readonly TrafficSpan[] {
  const answered = new Map(traffic.map((counted) => [keyOf(counted), counted]));
  const ready = new Map(
    groups.map((group) => [keyOf(group), group.servers.filter((server) => server.state === "ready").length]),
  );
  const releases = new Map([...traffic, ...groups].map((group) => [keyOf(group), group]));
  return [...releases].map(([key, { service, release }]) => {
    const leastReady = ready.get(key) ?? 0;
    return {
      ...(answered.get(key) ?? { service, release, ...noTraffic }),
      ...{ atMs, spanMs: minuteMs, leastReady, minutes: 1, readyMinutes: Math.min(1, leastReady) },
    };
  });
}

function merge(spans: readonly TrafficSpan[]): readonly TrafficSpan[] {
  const merged = new Map<string, TrafficSpan>();
  for (const span of spans) {
    const present = merged.get(keyOf(span));
    merged.set(keyOf(span), present === undefined ? span : addSpans(present, span));
  }
  return [...merged.values()];
}

function keyOf({ service, release }: { readonly service: ServiceKey; readonly release: number }): string {
  return `${service} ${release}`;
}
