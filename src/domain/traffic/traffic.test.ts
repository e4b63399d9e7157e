import { expect, test } from "vitest";
import {
  addSpans,
  asHour,
  hourMs,
  minuteMs,
  type TrafficCounter,
  type TrafficSpan,
  trafficBetween,
} from "./traffic.ts";

const counter = (id: string, release: number, requests: number, errors = 0): TrafficCounter => ({
  ...{ id, service: "shop", release, requests, errors },
  latency: [requests - errors, errors],
});

test("between two readings each counter has grown, and the counters of a release are added up", () => {
  const before = [counter("a", 1, 100, 1), counter("b", 1, 10), counter("c", 2, 0)];
  const after = [counter("a", 1, 150, 3), counter("b", 1, 15), counter("c", 2, 4)];
  expect(trafficBetween(before, after)).toEqual([
    { service: "shop", release: 1, requests: 55, errors: 2, latency: [53, 2] },
    { service: "shop", release: 2, requests: 4, errors: 0, latency: [4, 0] },
  ]);
});

test("a counter that is gone takes nothing from the others, one that began again counts from there", () => {
  expect(trafficBetween([counter("a", 1, 100), counter("b", 1, 50)], [counter("b", 1, 60)])).toEqual([
    { service: "shop", release: 1, requests: 10, errors: 0, latency: [10, 0] },
  ]);
  expect(trafficBetween([counter("a", 1, 100)], [counter("a", 1, 7)])).toEqual([
    { service: "shop", release: 1, requests: 7, errors: 0, latency: [7, 0] },
  ]);
  const other = { ...counter("a", 1, 5), service: "blog" };
  expect(trafficBetween([counter("a", 1, 3)], [other])).toMatchObject([{ service: "blog", requests: 5 }]);
});

const span = (atMs: number, requests: number, leastReady: number): TrafficSpan => ({
  ...{ service: "shop", release: 1, requests, errors: 0, latency: [requests] },
  ...{ atMs, spanMs: minuteMs, leastReady, minutes: 1, readyMinutes: Math.min(1, leastReady) },
});

test("two parts of a minute are one minute, which is ready if both parts were", () => {
  expect(addSpans(span(0, 3, 2), span(0, 4, 1))).toEqual(span(0, 7, 1));
  expect(addSpans(span(0, 3, 2), span(0, 4, 0))).toEqual(span(0, 7, 0));
});

test("an hour is the sum of its minutes", () => {
  const atMs = 5 * hourMs;
  const minutes = [span(atMs, 3, 2), span(atMs + minuteMs, 4, 0), span(atMs + 59 * minuteMs, 5, 3)];
  const [first, ...rest] = minutes.map(asHour);
  expect(first && rest.reduce(addSpans, first)).toEqual({
    ...{ service: "shop", release: 1, requests: 12, errors: 0, latency: [12] },
    ...{ atMs, spanMs: hourMs, leastReady: 0, minutes: 3, readyMinutes: 2 },
  });
});
