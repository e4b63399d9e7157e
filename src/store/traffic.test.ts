import { expect, test } from "vitest";
import { hourMs, minuteMs } from "../domain/traffic/traffic.ts";
import type { Store } from "./store.ts";
import { aStore } from "./testing.ts";

function traffic(store: Store) {
  return store.traffic("shop", { sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER });
}

test("minutes become hours after two days, hours are forgotten after 400 days", () => {
  using it = aStore();
  const at = (day: number) => day * 24 * hourMs;
  const minute = (atMs: number) => ({
    ...{ service: "shop", release: 1, requests: 2, errors: 1, latency: [1, 1, 0] },
    ...{ atMs, spanMs: minuteMs, leastReady: 1, minutes: 1, readyMinutes: 1 },
  });
  it.clock.set(at(3));
  it.store.recordTraffic("local", [minute(at(0.5)), minute(at(0.5) + minuteMs), minute(at(2))], []);
  expect(traffic(it.store)).toEqual([
    {
      ...minute(at(0.5)),
      spanMs: hourMs,
      requests: 4,
      errors: 2,
      latency: [2, 2],
      minutes: 2,
      readyMinutes: 2,
    },
    { ...minute(at(2)), latency: [1, 1] },
  ]);
  it.clock.set(at(401.5));
  it.store.recordTraffic("local", [], []);
  expect(traffic(it.store)).toMatchObject([{ atMs: at(2), spanMs: hourMs }]);
});
