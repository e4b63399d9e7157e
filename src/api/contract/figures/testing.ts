import type { AskedOf, OperationsOf } from "../types.ts";
import type { figuresTable } from "./operations.ts";

const service = "shop";

/** What they are asked, at least once each. */
export const figuresAsked: AskedOf<typeof figuresTable> = {
  traffic: [{ service }, { service, sinceMs: 60_000, untilMs: 120_000 }],
  usage: [{}],
  figures: [{}, { service, sinceMs: 60_000 }],
};

/** Full values. */
export const figuresAnswered: OperationsOf<typeof figuresTable> = {
  traffic: async ({ sinceMs = 0 }) => [
    {
      ...{ service: "shop", release: 2, requests: 60, errors: 1, latency: [59, 1], atMs: sinceMs },
      ...{ spanMs: 60_000, leastReady: 2, minutes: 1, readyMinutes: 1 },
    },
  ],
  usage: async () => [
    {
      ...{ service, target: "local", serving: 2, atMs: 9 },
      servers: [
        { id: "shop-2-1-1", release: 2, state: "ready", inTraffic: true, cpuMs: 1_500.5, memoryBytes: 4_096 },
      ],
      traffic: [{ id: "2", release: 2, requests: 60, errors: 1, latency: [59, 1] }],
      unknown: ["CPU and memory: the platform kubernetes does not tell"],
    },
  ],
  figures: async ({ service = "shop", sinceMs = 1 }) => [
    {
      ...{ service, sinceMs, untilMs: 9 },
      figures: [
        {
          ...{ name: "fail-rate", title: "Change fail rate", unit: "share" as const, value: 0.25 },
          ...{ n: 8, of: "deployments", more: { "90 %": 1 }, notes: ["2 failed"], guessed: false },
          ...{ definition: "The share of deployments that failed.", events: [4, 9] },
        },
      ],
    },
  ],
};
