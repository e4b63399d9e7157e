import { z } from "zod";

// What Kiln reads of the cluster's objects: https://kubernetes.io/docs/reference/kubernetes-api/. All else is dropped as soon as a page has come.

const strings = z.record(z.string(), z.string()).default({});

const metadata = z.object({
  name: z.string(),
  uid: z.string(),
  resourceVersion: z.string(),
  generation: z.int().default(0),
  creationTimestamp: z.string(),
  deletionTimestamp: z.string().optional(),
  labels: strings,
  annotations: strings,
});

export const anyObject = z.object({ metadata });

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
  message: z.string().default(""),
  lastTransitionTime: z.string().nullish(),
});

export const replicaSetSchema = z.object({
  metadata,
  spec: z.object({
    replicas: z.int().default(1),
    template: z.object({ metadata: z.object({ labels: strings }) }),
  }),
  status: z.object({
    replicas: z.int().default(0),
    observedGeneration: z.int().default(0),
    conditions: z.array(condition).default([]),
  }),
});

const terminated = z.object({
  exitCode: z.int(),
  signal: z.int().optional(),
  reason: z.string().default(""),
  message: z.string().default(""),
  startedAt: z.string().nullish(),
  finishedAt: z.string().nullish(),
});

const containerState = z
  .object({
    waiting: z.object({ reason: z.string().default(""), message: z.string().default("") }).optional(),
    running: z.object({ startedAt: z.string().nullish() }).optional(),
    terminated: terminated.optional(),
  })
  .default({});

export const podSchema = z.object({
  metadata,
  spec: z.object({
    nodeName: z.string().optional(),
    containers: z.array(z.object({ image: z.string().default("") })).default([]),
    activeDeadlineSeconds: z.number().optional(),
    terminationGracePeriodSeconds: z.number().default(30),
  }),
  status: z.object({
    phase: z.string().default("Pending"),
    reason: z.string().default(""),
    message: z.string().default(""),
    podIP: z.string().optional(),
    startTime: z.string().nullish(),
    conditions: z.array(condition).default([]),
    containerStatuses: z
      .array(
        z.object({
          name: z.string(),
          restartCount: z.int(),
          ready: z.boolean(),
          state: containerState,
          lastState: containerState,
        }),
      )
      .default([]),
  }),
});

export const serviceSchema = z.object({
  metadata,
  spec: z.object({
    type: z.string().default("ClusterIP"),
    clusterIP: z.string().optional(),
    selector: strings,
    ports: z.array(z.object({ port: z.int(), nodePort: z.int().optional() })).default([]),
  }),
  status: z
    .object({
      loadBalancer: z
        .object({
          ingress: z
            .array(z.object({ ip: z.string().optional(), hostname: z.string().optional() }))
            .default([]),
        })
        .default({ ingress: [] }),
    })
    .default({ loadBalancer: { ingress: [] } }),
});

const amountOrShare = z.union([z.int(), z.string()]).optional();

export const budgetSchema = z.object({
  metadata,
  spec: z
    .object({
      ...{ maxUnavailable: amountOrShare, minAvailable: amountOrShare },
      selector: z
        .object({ matchLabels: strings, matchExpressions: z.array(z.unknown()).default([]) })
        .optional(),
    })
    .default({}),
});

/** `discovery.k8s.io/v1`, and `v1beta1` before 1.21, have this in common. */
export const endpointSliceSchema = z.object({
  endpoints: z
    .array(
      z.object({
        conditions: z.object({ ready: z.boolean().nullish() }).default({}),
        targetRef: z.object({ name: z.string() }).optional(),
      }),
    )
    .nullish(),
});

export const groupVersionSchema = z.object({ preferredVersion: z.object({ version: z.string() }) });

export const eventsSchema = z.object({
  items: z.array(z.object({ message: z.string().default("") })).nullish(),
});

export const quotaSchema = z.object({
  metadata,
  spec: z
    .object({ scopes: z.array(z.string()).default([]), scopeSelector: z.unknown().optional() })
    .default({ scopes: [] }),
  status: z.object({ hard: strings, used: strings }).default({ hard: {}, used: {} }),
});

export type FoundReplicaSet = z.output<typeof replicaSetSchema>;
export type FoundBudget = z.output<typeof budgetSchema>;
export type FoundPod = z.output<typeof podSchema>;
export type FoundService = z.output<typeof serviceSchema>;
export type FoundQuota = z.output<typeof quotaSchema>;
