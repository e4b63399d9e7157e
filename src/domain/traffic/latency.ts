/**
 * Upper bounds in ms of the classes that response times are counted in; one more class holds what is slower. From 10 ms
 * on they are the E12 series of preferred numbers (IEC 60063), so that neighbours differ by a quarter or less.
 */
export const latencyBoundsMs = [
  ...[1, 2, 3, 4, 5, 6, 7, 8],
  ...[10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82],
  ...[100, 120, 150, 180, 220, 270, 330, 390, 470, 560, 680, 820],
  ...[1000, 1200, 1500, 1800, 2200, 2700, 3300, 3900, 4700, 5600, 6800, 8200],
  ...[10_000, 12_000, 15_000, 18_000, 22_000, 27_000, 33_000],
] as const;

/** A smaller difference comes from the machine and not from the release. */
const smallestDifferenceMs = 5;

/** Standard deviations beyond which a difference is not chance: chance would show it in one of a thousand looks or fewer. */
const beyondChance = 3;

export interface LatencyFinding {
  readonly outcome: "pass" | "fail" | "inconclusive";
  /** The figures, without a verb for the outcome. */
  readonly words: string;
}

/** The response time in ms that 95 of 100 answers did not exceed: the bound of its class. Undefined without answers. */
export function p95Ms(latency: readonly number[]): number | undefined {
  const total = sum(latency);
  if (total === 0) return undefined;
  let seen = 0;
  const index = latency.findIndex((count) => {
    seen += count;
    return seen >= total * 0.95;
  });
  return latencyBoundsMs[index] ?? Number.POSITIVE_INFINITY;
}

/**
 * Compares the 95th percentiles of two releases, given as one count for each class. Rounding works for the new one: it is
 * too slow only when its fastest possible percentile is beyond what the slowest possible one of the old release allows. And
 * what a few requests may show by chance is inconclusive and never causes a rollback.
 */
export function compareLatency(
  old: readonly number[],
  fresh: readonly number[],
  maxRatio: number,
): LatencyFinding {
  const before = p95Ms(old);
  const after = p95Ms(fresh);
  if (before === undefined || after === undefined) {
    return { outcome: "pass", words: "response times are not known" };
  }
  const mostMs = mostAllowedMs(before, maxRatio);
  const words = `95 % were answered ${within(after)} (the old one's ${within(before)}; ${upTo(mostMs)} is allowed)`;
  if (after <= mostMs) return { outcome: "pass", words };
  const slow = { count: slowerThan(fresh, mostMs), of: sum(fresh) };
  if (isBeyondChance({ count: slowerThan(old, before), of: sum(old) }, slow))
    return { outcome: "fail", words };
  return { outcome: "inconclusive", words: `${words}, which so few requests may show by chance` };
}

/** The bound of a class, so that what is said to be allowed is what can be counted. */
function mostAllowedMs(oldMs: number, maxRatio: number): number {
  const most = Math.max(oldMs * maxRatio, oldMs + smallestDifferenceMs);
  return latencyBoundsMs.find((bound) => bound >= most) ?? Number.POSITIVE_INFINITY;
}

function within(ms: number): string {
  return Number.isFinite(ms) ? `within ${ms} ms` : `within more than ${latencyBoundsMs.at(-1)} ms`;
}

/** Beyond the last bound nothing can be told apart. */
function upTo(ms: number): string {
  return Number.isFinite(ms) ? `up to ${ms} ms` : `more than ${latencyBoundsMs.at(-1)} ms`;
}

/** How many answers took longer than a bound of `latencyBoundsMs`. */
function slowerThan(latency: readonly number[], boundMs: number): number {
  return sum(latency.filter((_, i) => (latencyBoundsMs[i] ?? Number.POSITIVE_INFINITY) > boundMs));
}

interface Share {
  readonly count: number;
  readonly of: number;
}

/** The test of two proportions, with the variance of both taken together. */
function isBeyondChance(old: Share, fresh: Share): boolean {
  const both = (old.count + fresh.count) / (old.of + fresh.of);
  const deviation = Math.sqrt(both * (1 - both) * (1 / old.of + 1 / fresh.of));
  return fresh.count / fresh.of - old.count / old.of > beyondChance * deviation;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
