import { expect, test } from "vitest";
import { minuteMs } from "../../domain/traffic/traffic.ts";
import { type Logger, silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { Meter } from "../metrics/meter.ts";
import { TestInstallation } from "../testing.ts";
import { TrafficRecorder } from "./traffic-recorder.ts";

/** Servers of a release have answered so many more requests, each within `latencyBoundsMs[0]`. */
async function answer(it: TestInstallation, release: number, requests: number): Promise<void> {
  for (const { id, release: of } of (await it.status()).servers) {
    if (of !== release) continue;
    const before = it.world.counts.get(id)?.requests ?? 0;
    it.world.counts.set(id, { id, requests: before + requests, errors: 1, latency: [before + requests] });
  }
}

function traffic(it: TestInstallation, release: number) {
  const spans = it.store.traffic("shop", { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER });
  return spans.filter((span) => span.release === release);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

test("what a release answers, and how many of its servers are ready, is recorded minute by minute", async () => {
  await using it = new TestInstallation();
  await it.deployed(1, { count: 2 });
  await it.clock.advance(2 * minuteMs);
  await answer(it, 1, 30);
  await it.clock.advance(3 * minuteMs);
  const spans = traffic(it, 1);
  expect(sum(spans.map((span) => span.requests))).toBe(60);
  expect(spans.find((span) => span.requests > 0)).toMatchObject({
    ...{ spanMs: minuteMs, requests: 60, errors: 2, latency: [60] },
    ...{ leastReady: 2, minutes: 1, readyMinutes: 1 },
  });
  expect(spans.every((span) => span.atMs % minuteMs === 0)).toBe(true);
  expect(new Set(spans.map((span) => span.atMs)).size).toBe(spans.length);
  const asked = { service: "shop", sinceMs: spans.at(-1)?.atMs ?? 0 };
  expect(await it.controller.traffic(asked)).toEqual([spans.at(-1)]);
  expect(await it.controller.traffic({ service: "shop" })).toEqual(spans);
  await expect(it.controller.traffic({ service: "shops" })).rejects.toMatchObject({
    code: "service_unknown",
  });
});

test("a controller that starts again counts nothing twice, and what came in between once", async () => {
  await using it = new TestInstallation();
  await it.deployed(1, { count: 1 });
  await answer(it, 1, 10);
  await it.clock.advance(minuteMs);
  await it.stop();
  const [id = ""] = [...it.world.counts.keys()];
  it.world.counts.set(id, { id, requests: 17, errors: 1, latency: [17] });
  it.start();
  await it.clock.advance(2 * minuteMs);
  expect(sum(traffic(it, 1).map((span) => span.requests))).toBe(17);
});

test("a router that cannot be read delays the figures and nothing else", async () => {
  await using it = new TestInstallation();
  await it.deployed(1, { count: 1 });
  it.world.failNext("counts", 3);
  await answer(it, 1, 5);
  await it.clock.advance(3 * minuteMs);
  expect(sum(traffic(it, 1).map((span) => span.requests))).toBe(5);
});

test("a look that the end of the controller cuts off is not reported as a problem", async () => {
  const ending = new AbortController();
  const warnings: unknown[] = [];
  const log = Object.assign(Object.create(silentLog) as Logger, {
    warn: (...words: unknown[]) => warnings.push(words),
  });
  const recorder = new TrafficRecorder({
    target: "local",
    store: { trafficReading: () => [], recordTraffic: () => {} },
    traffic: { read: () => new Promise(() => {}) },
    clock: new FakeClock(),
    log,
    meter: new Meter(),
    call: () => ({ signal: ending.signal, deadline: Number.POSITIVE_INFINITY }),
    seen: () => undefined,
  });
  const closed = recorder.close();
  ending.abort();
  await closed;
  expect(warnings).toEqual([]);
});
