import type { ServiceKey } from "../ids.ts";

/** What was answered: requests, how many of them failed, and how long they took. */
export interface TrafficCounts {
  readonly requests: number;
  /** Answers of 500 and above, and requests that got none. */
  readonly errors: number;
  /** Answers by response time: one count for each of `latencyBoundsMs`, and one for what was slower. Empty: not known. */
  readonly latency: readonly number[];
}

/** What one counter of a data plane shows, since it began. It only grows, until it is gone or begins again. */
export interface TrafficCounter extends TrafficCounts {
  /** Opaque; with the service, it names the counter for as long as that continues to count. */
  readonly id: string;
  readonly service: ServiceKey;
  readonly release: number;
}

/** What a release answered in a span of time. */
export interface ReleaseTraffic extends TrafficCounts {
  readonly service: ServiceKey;
  readonly release: number;
}

/**
 * What was counted between two readings. A counter that is new, or began again in between, counts from its beginning; one
 * that is gone took along what it counted after the first reading.
 */
export function trafficBetween(
  before: readonly TrafficCounter[],
  after: readonly TrafficCounter[],
): readonly ReleaseTraffic[] {
  const known = new Map(before.map((counter) => [nameOf(counter), counter]));
  const grown = after.map((counter) => ({
    ...counter,
    ...growth(known.get(nameOf(counter)), counter),
  }));
  return [...Map.groupBy(grown, ({ service, release }) => `${service} ${release}`).values()].flatMap(
    (counters) => {
      const [first] = counters;
      if (first === undefined) return [];
      return [{ service: first.service, release: first.release, ...counters.reduce(addCounts, noTraffic) }];
    },
  );
}

export const noTraffic: TrafficCounts = { requests: 0, errors: 0, latency: [] };

/** Both together. */
export function addCounts(a: TrafficCounts, b: TrafficCounts): TrafficCounts {
  const longer = a.latency.length > b.latency.length ? a.latency : b.latency;
  return {
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latency: longer.map((_, i) => (a.latency[i] ?? 0) + (b.latency[i] ?? 0)),
  };
}

function nameOf({ service, id }: TrafficCounter): string {
  return `${service} ${id}`;
}

function growth(before: TrafficCounter | undefined, after: TrafficCounter): TrafficCounts {
  const { requests, errors, latency } = after;
  if (before === undefined || before.requests > requests) return { requests, errors, latency };
  return {
    requests: requests - before.requests,
    errors: Math.max(0, errors - before.errors),
    latency: latency.map((count, i) => Math.max(0, count - (before.latency[i] ?? 0))),
  };
}

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** What was seen of a release in one minute, or in one hour once that is long ago. */
export interface TrafficSpan extends ReleaseTraffic {
  /** Unix time in ms: a whole minute or hour. */
  readonly atMs: number;
  readonly spanMs: typeof minuteMs | typeof hourMs;
  /** The fewest ready servers that a look found. */
  readonly leastReady: number;
  /** In how many minutes it was looked at, and in how many of those each look found a ready server. */
  readonly minutes: number;
  readonly readyMinutes: number;
}

/** Two spans of one release and one beginning, or a minute and the hour that it belongs to: what both saw. */
export function addSpans(into: TrafficSpan, more: TrafficSpan): TrafficSpan {
  const sameMinute = into.spanMs === minuteMs && more.spanMs === minuteMs;
  const leastReady = Math.min(into.leastReady, more.leastReady);
  return {
    ...into,
    ...addCounts(into, more),
    leastReady,
    minutes: sameMinute ? 1 : into.minutes + more.minutes,
    readyMinutes: sameMinute ? Math.min(1, leastReady) : into.readyMinutes + more.readyMinutes,
  };
}

/** A minute as the beginning of its hour. */
export function asHour(span: TrafficSpan): TrafficSpan {
  return { ...span, atMs: span.atMs - (span.atMs % hourMs), spanMs: hourMs };
}
