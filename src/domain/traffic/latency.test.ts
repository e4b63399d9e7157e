import { expect, test } from "vitest";
import { countsOf } from "../testing.ts";
import { compareLatency, latencyBoundsMs, p95Ms } from "./latency.ts";

const times = (count: number, ms: number) => countsOf(Array.from({ length: count }, () => ms));

test("the 95th percentile is the bound of its class", () => {
  expect(p95Ms([90, 0, 0, 0, 10])).toBe(5);
  expect(p95Ms([96, 0, 0, 0, 4])).toBe(1);
  expect(p95Ms([])).toBeUndefined();
  expect(p95Ms(times(1, 60_000))).toBe(Number.POSITIVE_INFINITY);
});

test("from the floor on, neighbouring classes differ by a quarter or less", () => {
  const ratios = latencyBoundsMs.slice(1).map((bound, i) => bound / (latencyBoundsMs[i] ?? 1));
  expect(Math.max(...ratios.slice(latencyBoundsMs.indexOf(8)))).toBeLessThanOrEqual(1.25);
});

test.each([
  ["the two sides of a bound are as good as equal", 10, 11, "pass"],
  ["less than one and a half times", 18, 25, "pass"],
  ["nearly twice", 11, 20, "fail"],
  ["twice", 100, 200, "fail"],
  ["four times, but below the floor", 1, 4, "pass"],
  ["six times, and above the floor", 1, 8, "fail"],
  ["faster", 200, 100, "pass"],
  ["an old one slower than all classes", 60_000, 90_000, "pass"],
  ["a new one slower than all classes", 1000, 60_000, "fail"],
] as const)("%s", (_, oldMs, freshMs, outcome) => {
  expect(compareLatency(times(50, oldMs), times(50, freshMs), 1.5)).toMatchObject({ outcome });
});

test("a few answers that are slow by chance do not count as a slow release", () => {
  const fresh = (slow: number, of: number) =>
    countsOf(Array.from({ length: of }, (_, i) => (i < slow ? 100 : 10)));
  expect(compareLatency(times(50, 10), fresh(2, 50), 1.5).outcome).toBe("pass");
  expect(compareLatency(times(50, 10), fresh(4, 50), 1.5)).toEqual({
    outcome: "inconclusive",
    words:
      "95 % were answered within 100 ms (the old one's within 10 ms; up to 15 ms is allowed), which so few requests may show by chance",
  });
  expect(compareLatency(times(500, 10), fresh(40, 500), 1.5).outcome).toBe("fail");
});

test("a limit beyond all classes is reported as such", () => {
  expect(compareLatency(times(50, 30_000), times(50, 30_000), 1.5)).toEqual({
    outcome: "pass",
    words:
      "95 % were answered within 33000 ms (the old one's within 33000 ms; more than 33000 ms is allowed)",
  });
});

test("without answers of both nothing is known", () => {
  expect(compareLatency([], times(50, 10), 1.5)).toEqual({
    outcome: "pass",
    words: "response times are not known",
  });
});
