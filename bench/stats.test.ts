import { expect, test } from "vitest";
import { percentileOf, repeat, summarize } from "./stats.ts";

test("the middle of the samples, whatever their order, and both ends", () => {
  expect(summarize([30, 10, 20])).toEqual({ count: 3, median: 20, min: 10, max: 30 });
  expect(summarize([4, 1, 3, 2])).toEqual({ count: 4, median: 2.5, min: 1, max: 4 });
});

test("nothing measured is not a figure", () => {
  expect(() => summarize([])).toThrow(RangeError);
});

test("a percentile is the nearest rank", () => {
  const samples = Array.from({ length: 50 }, (_, i) => 50 - i);
  expect([0.5, 0.9, 0.98, 0.99, 1].map((part) => percentileOf(samples, part))).toEqual([25, 45, 49, 50, 50]);
  expect(percentileOf([7], 0.5)).toBe(7);
  expect(() => percentileOf([], 0.5)).toThrow(RangeError);
});

test("repeats one after the other", async () => {
  expect(await repeat(3, async (round) => round * 2)).toEqual([2, 4, 6]);
});
