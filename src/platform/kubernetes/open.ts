import type { DriftSource } from "../contract/drift-source.ts";
import { kubernetesApi } from "./client/http-api.ts";
import { Cluster } from "./cluster.ts";
import type { KubernetesContext } from "./context.ts";
import { startClusterDrift } from "./drift/drift.ts";
import { KubernetesPlatform } from "./kubernetes-platform.ts";
import type { Owner } from "./objects/names.ts";
import type { Exposure } from "./objects/objects.ts";

export interface KubernetesTarget
  extends Pick<
    KubernetesContext,
    "clock" | "log" | "images" | "secrets" | "configs" | "evidence" | "sessions"
  > {
  readonly owner: Owner;
  /** As `kiln target add` takes them. */
  readonly options: {
    readonly kubeconfig?: string | undefined;
    readonly context?: string | undefined;
    readonly namespace?: string | undefined;
    readonly registry: string;
    readonly "pull-secret"?: string | undefined;
    readonly expose: Exposure;
  };
}

/** Enough for a kube-proxy with its own defaults. */
const settleMs = 3_000;

export interface OpenedKubernetes {
  readonly platform: KubernetesPlatform;
  readonly watchDrift: () => DriftSource;
}

/** Contacts nothing. */
export function openKubernetes(target: KubernetesTarget): OpenedKubernetes {
  const { owner, options, ...sources } = target;
  const { kubeconfig, context, namespace, registry, expose } = options;
  const api = kubernetesApi({ kubeconfig, context, clock: sources.clock });
  const cluster = new Cluster(api, owner, namespace, sources.clock);
  const { clock, log } = sources;
  return {
    platform: new KubernetesPlatform({
      ...{ ...sources, cluster, registry, settleMs },
      ...{ exposure: expose, pullSecret: options["pull-secret"] },
    }),
    watchDrift: () => startClusterDrift({ cluster, clock, log }),
  };
}
