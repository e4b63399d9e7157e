import { expect, test } from "vitest";
import type { ServiceUsage } from "../api.ts";
import { createStyle } from "../output/style.ts";
import { ratesBetween } from "./rates.ts";
import { topLines } from "./view.ts";

const server = { id: "shop-2-1-1", release: 2, state: "ready" as const, inTraffic: true };

function usage(atMs: number, change: Partial<ServiceUsage> = {}): ServiceUsage {
  return {
    ...{ service: "shop", target: "local", serving: 2, atMs, unknown: [] },
    servers: [{ ...server, cpuMs: atMs / 4, memoryBytes: 64 << 20 }],
    traffic: [
      { id: "a", release: 2, requests: atMs / 10, errors: atMs / 100, latency: [atMs / 20, atMs / 20] },
    ],
    ...change,
  };
}

test("rates are the growth of counters in the time between two looks", () => {
  expect(ratesBetween([usage(1_000)], [usage(3_000)])).toMatchObject([
    {
      ...{ service: "shop", requestsPerSecond: 100, errorShare: 0.1, p95Ms: 2, cpu: 0.25 },
      ...{ memoryBytes: 64 << 20, servers: [{ id: "shop-2-1-1", cpu: 0.25 }] },
    },
  ]);
});

test("a counter that began again counts from its beginning; a processor's time that went back is none", () => {
  const fresh = usage(3_000, {
    traffic: [{ id: "a", release: 2, requests: 4, errors: 0, latency: [4] }],
    servers: [{ ...server, cpuMs: 10, memoryBytes: 1 }],
  });
  expect(ratesBetween([usage(1_000)], [fresh])).toMatchObject([
    { requestsPerSecond: 2, errorShare: 0, cpu: 0 },
  ]);
});

test("what is not known is undefined, not 0", () => {
  const blind = { servers: [{ ...server, cpuMs: undefined, memoryBytes: undefined }], traffic: undefined };
  const [rates] = ratesBetween([usage(1_000, blind)], [usage(3_000, blind)]);
  const unknown = { requestsPerSecond: undefined, errorShare: undefined, p95Ms: undefined };
  expect(rates).toMatchObject({ ...unknown, cpu: undefined, memoryBytes: undefined });
  expect(ratesBetween([], [usage(3_000)])).toMatchObject([
    { ...unknown, cpu: undefined, memoryBytes: 64 << 20 },
  ]);
  expect(ratesBetween([usage(3_000)], [usage(3_000)])).toMatchObject([{ ...unknown, cpu: undefined }]);
});

test("the table has services with their servers, and once for each target what cannot be told", () => {
  const unknown = ["CPU and memory: the platform kubernetes does not tell"];
  const blind = { unknown, servers: [{ ...server, cpuMs: undefined, memoryBytes: undefined }] };
  const of = (atMs: number) => [
    usage(atMs),
    usage(atMs, { service: "api", target: "prod", serving: undefined, ...blind }),
    usage(atMs, { service: "db", target: "prod", traffic: [], ...blind }),
  ];
  expect(topLines(ratesBetween(of(1_000), of(3_000)), createStyle(false))).toEqual([
    "SERVICE       RELEASE  STATE                       REQ/S  ERRORS  95 % IN  CPU   MEMORY",
    "shop          2        1 of 1 server with traffic  100    10 %    2 ms     25 %  64.0 MiB",
    "  shop-2-1-1  2        ready                                               25 %  64.0 MiB",
    "api           -        1 of 1 server with traffic  100    10 %    2 ms     -     -",
    "  shop-2-1-1  2        ready                                               -     -",
    "db            2        1 of 1 server with traffic  0.0    -       -        -     -",
    "  shop-2-1-1  2        ready                                               -     -",
    "",
    "Not known on prod: CPU and memory: the platform kubernetes does not tell",
  ]);
  expect(topLines([], createStyle(false))).toEqual(["No services."]);
});
