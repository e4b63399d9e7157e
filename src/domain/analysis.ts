import type { Verdict } from "./rollout.ts";
import type { AnalysisSpec } from "./spec.ts";

/** Upper bounds in ms of the classes that response times are counted in; one more class holds what is slower. */
export const latencyBoundsMs = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000,
] as const;

/** What a router has counted for one release since it was started; it only grows, unless the router starts anew. */
export interface ReleaseTraffic {
  readonly release: number;
  readonly requests: number;
  /** Answers of 500 and above, and requests that got none. */
  readonly errors: number;
  /** Answers by response time: one count for each of `latencyBoundsMs`, and one for what was slower. */
  readonly latency: readonly number[];
}

/** The counts of a span of time; of a router that was started in between, those since then. */
export function trafficBetween(before: ReleaseTraffic | undefined, after: ReleaseTraffic): ReleaseTraffic {
  if (before === undefined || before.requests > after.requests) return after;
  return {
    release: after.release,
    requests: after.requests - before.requests,
    errors: Math.max(0, after.errors - before.errors),
    latency: after.latency.map((count, i) => Math.max(0, count - (before.latency[i] ?? 0))),
  };
}

/** The response time in ms that 95 of 100 answers did not exceed: the bound of its class. Undefined without answers. */
export function p95Ms({ latency }: ReleaseTraffic): number | undefined {
  const total = latency.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let seen = 0;
  for (const [i, count] of latency.entries()) {
    seen += count;
    if (seen >= total * 0.95) return latencyBoundsMs[i] ?? Number.POSITIVE_INFINITY;
  }
  return Number.POSITIVE_INFINITY;
}

type Finding = Omit<Verdict, "atMs">;

/** Compares the new release with the old one over the same span of time. Too small a sample is never a pass. */
export function compare(
  spec: AnalysisSpec,
  old: ReleaseTraffic | undefined,
  fresh: ReleaseTraffic | undefined,
): Finding {
  const requests = fresh?.requests ?? 0;
  if (fresh === undefined || requests < spec.minRequests) {
    return {
      outcome: "inconclusive",
      reason: `the new release had ${requests} of the ${spec.minRequests} requests that a verdict needs`,
    };
  }
  const errors = compareErrors(spec, old, fresh);
  const latency = compareLatency(spec, old, fresh);
  const outcome = errors.worse || latency.worse ? "fail" : "pass";
  const worse = [errors, latency]
    .filter((part) => part.worse || outcome === "pass")
    .map((part) => part.words);
  return { outcome, reason: `of ${requests} requests to the new release, ${worse.join(", and ")}` };
}

interface Part {
  readonly worse: boolean;
  readonly words: string;
}

function compareErrors(spec: AnalysisSpec, old: ReleaseTraffic | undefined, fresh: ReleaseTraffic): Part {
  const before = rateOf(old);
  const after = rateOf(fresh);
  return {
    worse: after > before + spec.maxErrorRate,
    words: `${percent(after)} failed (${percent(before)} of the old one's; ${percent(spec.maxErrorRate)} more is allowed)`,
  };
}

function compareLatency(spec: AnalysisSpec, old: ReleaseTraffic | undefined, fresh: ReleaseTraffic): Part {
  const before = old === undefined ? undefined : p95Ms(old);
  const after = p95Ms(fresh);
  if (before === undefined || after === undefined)
    return { worse: false, words: "response times are not known" };
  return {
    worse: after > before * spec.maxLatencyRatio,
    words: `95 % were answered within ${after} ms (the old one's within ${before} ms; ${spec.maxLatencyRatio} times that is allowed)`,
  };
}

function rateOf(traffic: ReleaseTraffic | undefined): number {
  return traffic === undefined || traffic.requests === 0 ? 0 : traffic.errors / traffic.requests;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** The worst of several findings: one failure fails, and one that cannot be told is no pass. */
export function worstOf(findings: readonly Finding[]): Finding {
  const failed = findings.find((f) => f.outcome === "fail");
  const unknown = findings.find((f) => f.outcome === "inconclusive");
  return failed ?? unknown ?? { outcome: "pass", reason: findings.map((f) => f.reason).join("; ") };
}
