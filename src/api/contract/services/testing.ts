import { aFailure, aRelease, aRollout, aTaint } from "../../../domain/testing.ts";
import type { AskedOf, OperationsOf } from "../types.ts";
import type { servicesTable } from "./operations.ts";

const { server: _, ...taint } = aTaint(1);

const status = {
  service: "shop",
  target: { name: "local", platform: "local", trouble: undefined },
  count: 3,
  serving: aRelease(1),
  rollout: aRollout({ reason: "because", movedAtMs: 4, endedAtMs: undefined }),
  addresses: ["http://localhost:8080"],
  preview: { release: 2, address: "http://localhost:8081" },
  warm: [{ release: 1, untilMs: 9 }],
  removing: false,
  servers: [
    {
      ...{ id: "shop-1-1-1", service: "shop", release: 1, version: "1.1.0", state: "ready" as const },
      ...{ sinceMs: 1, createdAtMs: 0, address: "10.0.0.1", inTraffic: true, health: "GET / answered 200" },
      taint: { ...taint, replacedBy: "shop-1-1-2" },
    },
  ],
  reproductions: [
    {
      ...{ id: "shop-2-1-1__copy", reproduces: "shop-2-1-1", service: "shop", release: 2, version: "1.2.0" },
      ...{ state: "running" as const, createdAtMs: 5, address: "10.0.0.9", reason: undefined },
    },
  ],
  shares: [{ release: 1, share: 1 }],
  jobs: [{ id: "shop-2-7_migrate", release: 2, rollout: 7, name: "migrate", state: "succeeded" as const }],
  failures: [aFailure()],
  trouble: undefined,
  warnings: [],
  vulnerabilities: undefined,
  reach: { allow: ["web", "*.staging"], callers: ["web"], callees: [] },
};

const service = "shop";

/** What they are asked, at least once each. */
export const servicesAsked: AskedOf<typeof servicesTable> = {
  services: [{}],
  overview: [{}, { q: "sh", cursor: "1.shop", limit: 50 }],
  status: [{ service }],
  history: [{ service }],
  keepRelease: [
    { service, release: 41, keep: true, reason: "before the migration" },
    { service, release: 1, keep: false },
  ],
  diff: [{ service, from: 1, to: 2 }],
};

/** Full values. */
export const servicesAnswered: OperationsOf<typeof servicesTable> = {
  services: async () => [status],
  overview: async () => ({
    total: 2,
    counts: { broken: 0, failed: 1, drifted: 0, stuck: 0, waiting: 0, moving: 0, warned: 0, steady: 1 },
    services: [
      {
        ...{ service: "shop", target: "local", attention: "failed" as const, why: "Rollout 7 failed." },
        ...{ count: 3, servers: [{ state: "ready" as const, number: 3 }], drifted: 1 },
        serving: { release: 1, version: "1.1.0", sinceMs: 4, by: "ada" },
        rollout: {
          ...{ id: 7, kind: "deploy" as const, to: 2, phase: "forward" as const, by: "ada" },
          ...{ step: 1, steps: 3, share: 0.2 },
        },
      },
    ],
    next: "1.shop",
  }),
  status: async () => status,
  history: async () => ({
    releases: [
      { release: aRelease(1), state: "serving", keep: { atMs: 1, by: "ada", reason: "it works" } },
      { release: aRelease(2, { traffic: undefined }), state: "image gone" },
    ],
    rollouts: [{ ...aRollout(), phases: {} }],
  }),
  keepRelease: async () => ({ changed: true }),
  diff: async () => ({ changes: ["image: one -> other"] }),
};
