import type { AskedOf, OperationsOf } from "../types.ts";
import type { figuresTable } from "./operations.ts";

const service = "shop";

/** What they are asked, at least once each. */
export const figuresAsked: AskedOf<typeof figuresTable> = {
  traffic: [{ service }, { service, sinceMs: 60_000, untilMs: 120_000 }],
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
