import type { KilnEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import { Histogram } from "../../lib/prometheus.ts";

/** What of a rollout's end is counted, by the end of its event's kind. */
export const results = ["completed", "rolled-back", "failed", "superseded"] as const;
export const journeys = ["deploy", "rollback", "move"] as const;

type Result = (typeof results)[number];
type Journey = (typeof journeys)[number];

/** Upper bounds of classes of durations, in seconds. */
const bounds = {
  start: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  rollout: [5, 15, 30, 60, 120, 300, 600, 1800, 3600],
};

/** The events that a tally is made of. */
export const talliedKinds: readonly string[] = [
  ...["rollout.started", ...results.map((result) => `rollout.${result}`)],
  ...["server.started", "server.ready", "server.destroyed", "server.failed", "drift.found"],
];

/** What the event log says of one service, in numbers. */
export class ServiceTally {
  readonly starts = new Histogram(bounds.start);
  readonly findings = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  readonly took = new Map<Result, Histogram>();

  ended(journey: Journey, result: Result): number {
    return this.#ended.get(`${journey} ${result}`) ?? 0;
  }

  addEnd(journey: Journey, result: Result, seconds: number): void {
    count(this.#ended, `${journey} ${result}`);
    const took = this.took.get(result) ?? new Histogram(bounds.rollout);
    this.took.set(result, took);
    took.add(seconds);
  }
}

/**
 * Counts from the event log: each event once, in its order. So the numbers survive the controller, and anyone who has the
 * log can count again.
 */
export class MetricsTally {
  readonly #services = new Map<ServiceKey, ServiceTally>();
  readonly #rollouts = new Map<unknown, { readonly journey: Journey; readonly atMs: number }>();
  readonly #starting = new Map<unknown, number>();

  of(service: ServiceKey): ServiceTally {
    const found = this.#services.get(service) ?? new ServiceTally();
    this.#services.set(service, found);
    return found;
  }

  add({ kind, service, data, atMs }: KilnEvent): void {
    if (service === undefined) return;
    if (kind === "rollout.started") this.#begin(data, atMs);
    else if (kind === "server.started") this.#starting.set(data.server, atMs);
    else if (kind === "server.ready") this.#ready(service, data.server, atMs);
    else if (kind === "server.destroyed" || kind === "server.failed") this.#starting.delete(data.server);
    else if (kind === "drift.found") count(this.of(service).findings, String(data.finding));
    else this.#end(service, kind, data.rollout, atMs);
  }

  #begin(data: KilnEvent["data"], atMs: number): void {
    const journey = journeys.find((name) => name === data.journey) ?? "deploy";
    this.#rollouts.set(data.rollout, { journey, atMs });
  }

  #end(service: ServiceKey, kind: string, rollout: unknown, atMs: number): void {
    const result = results.find((name) => kind === `rollout.${name}`);
    const begun = this.#rollouts.get(rollout);
    if (result === undefined || begun === undefined) return;
    this.#rollouts.delete(rollout);
    this.of(service).addEnd(begun.journey, result, secondsBetween(begun.atMs, atMs));
  }

  /** A server that is ready again after it was not has not been started again. */
  #ready(service: ServiceKey, server: unknown, atMs: number): void {
    const startedMs = this.#starting.get(server);
    if (startedMs === undefined) return;
    this.#starting.delete(server);
    this.of(service).starts.add(secondsBetween(startedMs, atMs));
  }
}

/** The log stays as it was recorded: across a step of the clock, a difference of its times may be below 0. */
function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs) / 1000;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
