import { key, trafficSelector } from "../objects/names.ts";
import { type FoundPod, podSchema, replicaSetSchema, serviceSchema } from "./answers.ts";
import type { View } from "./view.ts";

/** For tests: the moment of all that has no other, and a pod of release 1 of the service `shop`. */
export const bornMs = Date.parse("2026-01-01T00:00:00Z");
export const at = (seconds: number) => new Date(bornMs + seconds * 1000).toISOString();

interface PodLike {
  readonly labels?: Readonly<Record<string, string | undefined>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly ready?: boolean;
  readonly container?: object;
  readonly conditions?: readonly object[];
  /** Of its status: `phase`, `reason`, `message`. */
  readonly status?: object;
}

export function pod(
  name: string,
  {
    labels = {},
    annotations = {},
    ready = true,
    container,
    conditions = [],
    status = {},
    ...rest
  }: PodLike = {},
): FoundPod {
  const all = {
    [key.service]: "shop",
    [key.release]: "1",
    [key.member]: "yes",
    [key.serving]: "yes",
    ...labels,
  };
  return podSchema.parse({
    metadata: {
      ...{ name, uid: `uid-${name}`, resourceVersion: "1", creationTimestamp: at(0), ...rest },
      labels: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
      annotations: { [key.service]: "shop", ...annotations },
    },
    spec: {},
    status: {
      ...status,
      conditions: [
        { type: "Ready", status: ready ? "True" : "False", lastTransitionTime: at(1) },
        ...conditions,
      ],
      containerStatuses: [
        {
          name: "server",
          restartCount: 0,
          ready,
          state: { running: { startedAt: at(1) } },
          lastState: {},
          ...container,
        },
      ],
    },
  });
}

interface SetLike {
  readonly replicas?: number;
  readonly observedGeneration?: number;
  readonly conditions?: readonly object[];
}

export function replicaSet(size: number, { replicas = size, ...status }: SetLike = {}) {
  return replicaSetSchema.parse({
    metadata: {
      ...{ name: "shop-1", uid: "uid-shop-1", resourceVersion: "1", generation: 2, creationTimestamp: at(0) },
      labels: { [key.service]: "shop", [key.release]: "1" },
      annotations: {
        [key.service]: "shop",
        [key.size]: String(size),
        [key.drainMs]: "30000",
        [key.deadlineMs]: "60000",
      },
    },
    spec: { replicas, template: { metadata: { labels: {} } } },
    status: { observedGeneration: 2, replicas, ...status },
  });
}

export function service(releases: string) {
  return serviceSchema.parse({
    metadata: {
      ...{ name: "shop", uid: "uid-shop", resourceVersion: "1", creationTimestamp: at(0), labels: {} },
      annotations: { [key.service]: "shop", [key.releases]: releases, [key.mode]: "http" },
    },
    spec: {
      ...{ clusterIP: "10.0.0.1" },
      selector: trafficSelector({ tag: "", target: "" }, "shop", releases.split(",").map(Number)),
      ports: [{ port: 8080 }],
    },
  });
}

export function view(parts: Partial<View>): View {
  return {
    replicaSets: [],
    pods: [],
    services: [],
    previews: [],
    oneOffs: [],
    nowMs: bornMs,
    clockAheadMs: 0,
    ...parts,
  };
}
