import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countsOf } from "../testing.ts";
import { compareLatency } from "./latency.ts";

/** The least that `requests` of an analysis is by default. */
const sample = 50;
const ratio = fc.double({ min: 1, max: 2, noNaN: true });
const timesMs = (most: number) => fc.integer({ min: 1, max: most });

/** Response times around a median, as services have them: the log-normal distribution, at evenly spread quantiles. */
function typical(count: number, medianMs: number, spread: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => medianMs * Math.exp(spread * probit((i + 0.5) / count)));
}

/** The quantile of the normal distribution, to 0.005 (Abramowitz and Stegun, 26.2.22). */
function probit(p: number): number {
  if (p > 0.5) return -probit(1 - p);
  const t = Math.sqrt(-2 * Math.log(p));
  return (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t) - t;
}

const outcome = (old: readonly number[], fresh: readonly number[], maxRatio: number) =>
  compareLatency(countsOf(old), countsOf(fresh), maxRatio).outcome;

describe("equal releases", () => {
  test("the same response times are never worse, however they are spread", () => {
    const some = fc.array(timesMs(50_000), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 20 }), ratio, (times, share, maxRatio) => {
        const old = Array.from({ length: share }, () => times).flat();
        expect(outcome(old, times, maxRatio)).toBe("pass");
      }),
    );
  });

  test("nor is a release that differs by less than the resolution or the floor", () => {
    fc.assert(
      fc.property(timesMs(30_000), fc.integer({ min: 0, max: 100 }), (ms, percent) => {
        const more = Math.max(4, (ms * 0.4 * percent) / 100);
        const [old, fresh] = [ms, ms + more].map((time) => Array.from({ length: sample }, () => time));
        expect(outcome(old ?? [], fresh ?? [], 1.5)).toBe("pass");
      }),
    );
  });

  test("samples of the same service are turned back by chance in fewer than one of a hundred looks", () => {
    const draw = fc.array(fc.nat({ max: sample - 1 }), { minLength: sample, maxLength: sample });
    const service = typical(sample, 20, 1);
    const outcomes = fc
      .sample(fc.tuple(draw, draw), { numRuns: 2000, seed: 1 })
      .map(([old, fresh]) => outcome(...both(old, fresh, service), 1.5));
    expect(outcomes.filter((found) => found === "fail").length).toBeLessThan(20);
  });
});

function both(
  old: readonly number[],
  fresh: readonly number[],
  service: readonly number[],
): [readonly number[], readonly number[]] {
  const drawn = (indices: readonly number[]) => indices.map((i) => service[i] ?? 0);
  return [drawn(old), drawn(fresh)];
}

describe("a release that is three times slower", () => {
  const median = fc.double({ min: 4, max: 5000, noNaN: true });

  test("fails with the smallest sample", () => {
    const spread = fc.double({ min: 0, max: 0.25, noNaN: true });
    fc.assert(
      fc.property(median, spread, (ms, width) => {
        const old = typical(sample, ms, width);
        const fresh = old.map((time) => 3 * time);
        expect(outcome(old, fresh, 1.5)).toBe("fail");
      }),
    );
  });

  test("never passes, however its response times are spread", () => {
    const some = fc.array(timesMs(10_000), { minLength: sample, maxLength: 200 });
    fc.assert(
      fc.property(some, (times) => {
        const old = times.map((time) => 10 + time);
        const fresh = old.map((time) => 3 * time);
        expect(outcome(old, fresh, 1.5)).not.toBe("pass");
      }),
    );
  });

  test("fails when there are enough requests to tell, however they are spread", () => {
    const some = fc.array(timesMs(10_000), { minLength: sample, maxLength: sample });
    fc.assert(
      fc.property(some, (times) => {
        const old = times.flatMap((time) => Array.from({ length: 20 }, () => 10 + time));
        const fresh = old.map((time) => 3 * time);
        expect(outcome(old, fresh, 1.5)).toBe("fail");
      }),
    );
  });
});
