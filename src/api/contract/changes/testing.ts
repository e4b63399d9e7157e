import { draftOf } from "../../../domain/rollout/release.ts";
import { defaultUpkeep } from "../../../domain/spec/upkeep-policy.ts";
import { aPolicy, aRelease } from "../../../domain/testing.ts";
import type { Asked, AskedOf, OperationsOf } from "../types.ts";
import type { changesTable } from "./operations.ts";

const accepted = {
  service: "shop",
  release: 2,
  rollout: 7,
  scaled: { from: 3, to: 5 },
  adopted: ["rollout.bake: 10 s -> 2 s"],
};

export function aDeployRequest(): Asked<"deploy"> {
  return {
    service: "shop",
    count: 3,
    draft: {
      ...draftOf(aRelease(1)),
      secrets: [
        { name: "DB_PASSWORD", delivery: { kind: "file", path: "/run/secrets/DB_PASSWORD" } },
        { name: "API_KEY", delivery: { kind: "env", variable: "TOKEN" } },
      ],
      files: [{ to: "/etc/app.conf", mode: 0o444, content: "aGVsbG8=" }],
    },
    policy: aPolicy(),
    upkeep: defaultUpkeep,
  };
}

function aCheckRequest(): Asked<"check"> {
  const { service, draft } = aDeployRequest();
  const { image: _image, version: _version, ...unbuilt } = draft;
  return { service, draft: unbuilt, supersede: true };
}

const service = "shop";

/** What they are asked, at least once each. */
export const changesAsked: AskedOf<typeof changesTable> = {
  check: [aCheckRequest()],
  deploy: [
    aDeployRequest(),
    {
      ...aDeployRequest(),
      trace: {
        parent: { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" },
        build: { ms: 2_000, agoMs: 500 },
      },
    },
  ],
  promotion: [{ service: "shop.production", candidate: 4, reason: "it is good" }, { service }],
  candidates: [{}, { service }],
  ladders: [{}],
  plan: [
    { service, change: { kind: "rollback", release: 4 } },
    { service, change: { kind: "abort" } },
    { service, change: { kind: "scale", count: 0 } },
  ],
  rollback: [{ service, release: 4, reason: "it is slow" }, { service }],
  move: [{ service, target: "north" }],
  giveUp: [{ service, target: "north", reason: "it is dead" }],
  scale: [{ service, count: 0 }],
  remove: [{ service: "shop.staging" }],
};

/** Full values. */
export const changesAnswered: OperationsOf<typeof changesTable> = {
  check: async () => ({ commit: "ab".repeat(20) }),
  deploy: async () => accepted,
  promotion: async () => accepted,
  candidates: async () => [
    {
      ...{ id: 4, service: "shop", image: "sha256:ab", version: "1.4.0", commit: undefined },
      ...{ environments: ["production"], serves: ["staging"], createdAtMs: 1, createdBy: "ada" },
    },
  ],
  ladders: async () => [
    {
      ...{ ladder: "shop", environment: "production", service: "shop.production", rollout: undefined },
      serving: { release: 3, version: "1.3.0", image: "sha256:ab", createdAtMs: 1, by: "ada" },
      ...{ candidate: 4, newer: 1, because: "It has what serves below." },
      next: {
        ...{ candidate: 5, version: "1.5.0" },
        refused: [
          {
            ...{ kind: "freeze" as const, mode: "enforce" as const, passed: false },
            ...{ place: "freeze 3", because: "ada has frozen production", remedy: "lift it" },
          },
        ],
      },
    },
  ],
  plan: async () => ({
    service: "shop",
    target: "local",
    serving: aRelease(1),
    final: 2,
    rollout: undefined,
    changes: ["image: one -> other"],
    actions: [
      { kind: "resize", service: "shop", release: 2, size: 3, reason: "it must" },
      { kind: "route", service: "shop", shares: [{ release: 2, share: 1 }], reason: "it is ready" },
      { kind: "preview", service: "shop", release: 2, reason: "it can be tried" },
      { kind: "destroy", service: "shop", server: "shop-9-1-1", reason: "its release is not known" },
      {
        kind: "record",
        service: "shop",
        change: { kind: "end", rollout: 7, phase: "complete", serving: 2, warm: [], atMs: 5 },
        reason: "done",
      },
    ],
    peakServers: 4,
    fewestInTraffic: 3,
    data: ["volume data: its data stays"],
    downtime: "none",
    digest: `sha256:${"0123456789abcdef".repeat(4)}`,
  }),
  rollback: async () => accepted,
  move: async () => accepted,
  giveUp: async () => accepted,
  scale: async () => ({ service: "shop", release: 1, rollout: undefined, scaled: undefined }),
  remove: async () => {},
};
