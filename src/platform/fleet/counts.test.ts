import { expect, test } from "vitest";
import { trafficByRelease } from "./counts.ts";

test("servers of a release are added up, also when one has answered nothing yet", () => {
  const counts = [
    { id: "shop-1-1-1", requests: 10, errors: 1, latency: [4, 6] },
    { id: "shop-1-2-1", requests: 5, errors: 0, latency: [] },
    { id: "shop-2-1-1", requests: 7, errors: 7, latency: [0, 7] },
  ];
  expect(trafficByRelease(counts)).toEqual([
    { release: 1, requests: 15, errors: 1, latency: [4, 6] },
    { release: 2, requests: 7, errors: 7, latency: [0, 7] },
  ]);
});
