import type { ServiceKey } from "../../../domain/ids.ts";
import type {
  GroupObservation,
  Observation,
  ServerObservation,
  ServiceAddress,
} from "../../../domain/observation.ts";
import { key } from "../objects/names.ts";
import type { FoundPod, FoundService } from "./answers.ts";
import type { FailureMemory } from "./failures.ts";
import {
  conditionOf,
  hasEnded,
  isDrained,
  isGoing,
  isQuarantined,
  isReady,
  momentOf,
  podsOf,
  previewedOf,
  releaseOf,
  releasesOf,
  replacingOf,
  replicaSetOf,
  serviceIn,
  serviceKeyOf,
  sizeOf,
  takesTraffic,
  type View,
} from "./view.ts";

/** Pure: what a look says about groups, servers and traffic. */
export function observationOf(view: View, namespace: string, failures: FailureMemory): Observation {
  const groups = new Map<string, { readonly service: ServiceKey; readonly release: number }>();
  const add = (service: ServiceKey | undefined, release: number) => {
    if (service !== undefined && !Number.isNaN(release))
      groups.set(`${service} ${release}`, { service, release });
  };
  for (const each of [...view.replicaSets, ...view.pods]) add(serviceKeyOf(each), releaseOf(each));
  for (const each of view.services) for (const release of releasesOf(each)) add(serviceKeyOf(each), release);
  const services = [...view.services, ...view.previews].flatMap((found) => {
    const service = serviceKeyOf(found);
    return service === undefined ? [] : [{ service, found }];
  });
  return {
    groups: [...groups.values()].map(({ service, release }) => groupOf(view, service, release, failures)),
    routed: view.services.flatMap((found) => serviceKeyOf(found) ?? []),
    addresses: services.flatMap(({ service, found }) => addressesOf(service, found, namespace)),
  };
}

function groupOf(view: View, service: ServiceKey, release: number, memory: FailureMemory): GroupObservation {
  const set = replicaSetOf(view, service, release);
  const pods = podsOf(view, service, release);
  const size = set === undefined ? 0 : sizeOf(set);
  const replacing = set === undefined ? [] : replacingOf(set);
  return {
    ...{ service, release, size, share: shareOf(view, service, release) },
    ...(isPreviewed(view, service, release) ? { previewed: true } : {}),
    ...(replacing.length === 0 ? {} : { replacing }),
    servers: pods.filter((pod) => !hasEnded(view, pod)).map((pod) => serverOf(view, service, pod)),
    remains: [
      ...pods.filter((pod) => hasEnded(view, pod)).map(({ metadata }) => metadata.name),
      // As long as the ReplicaSet is there, the cluster may still make a pod of it.
      ...(size === 0 && set !== undefined && pods.length === 0 ? [set.metadata.name] : []),
    ],
    ...memory.of(service, release),
  };
}

function serverOf(view: View, service: ServiceKey, pod: FoundPod): ServerObservation {
  const { metadata, status } = pod;
  const createdAtMs = momentOf(view, metadata.creationTimestamp) ?? 0;
  const started = momentOf(view, status.containerStatuses[0]?.state.running?.startedAt);
  const ready = conditionOf(status.conditions, "Ready");
  const base = {
    ...{ id: metadata.name, createdAtMs, address: status.podIP },
    inTraffic: takesTraffic(pod, releasesOf(serviceIn(view, service))),
  };
  if (isQuarantined(pod) && !isGoing(pod)) {
    const sinceMs = momentOf(view, metadata.annotations[key.quarantinedAt]) ?? createdAtMs;
    return { ...base, state: "quarantined", sinceMs, health: undefined };
  }
  if (isGoing(pod) || isDrained(pod)) {
    const sinceMs =
      momentOf(view, metadata.deletionTimestamp) ?? momentOf(view, ready?.lastTransitionTime) ?? createdAtMs;
    return { ...base, state: "draining", sinceMs, health: undefined };
  }
  const changedMs = momentOf(view, ready?.lastTransitionTime);
  if (isReady(pod))
    return {
      ...base,
      state: "ready",
      sinceMs: changedMs ?? createdAtMs,
      health: "the cluster's check passes",
    };
  if (started !== undefined)
    return {
      ...base,
      state: "starting",
      sinceMs: Math.max(started, changedMs ?? 0),
      health: "the cluster's check has not passed",
    };
  return { ...base, state: "creating", sinceMs: createdAtMs, health: waitingFor(pod) };
}

/** What keeps a pod from being started, in the cluster's words. */
function waitingFor({ status }: FoundPod): string | undefined {
  const scheduled = conditionOf(status.conditions, "PodScheduled");
  if (scheduled?.status === "False") return `no node takes it: ${scheduled.message || scheduled.reason}`;
  const waiting = status.containerStatuses[0]?.state.waiting;
  if (waiting === undefined || waiting.reason === "ContainerCreating") return undefined;
  return waiting.message === "" ? waiting.reason : waiting.message;
}

function isPreviewed(view: View, service: ServiceKey, release: number): boolean {
  return view.previews.some((found) => serviceKeyOf(found) === service && previewedOf(found) === release);
}

/** All ready pods that a Service selects get the same part. Where none is ready, all its releases count the same. */
function shareOf(view: View, service: ServiceKey, release: number): number {
  const releases = releasesOf(serviceIn(view, service));
  if (!releases.includes(release)) return 0;
  const takers = view.pods.filter((pod) => serviceKeyOf(pod) === service && takesTraffic(pod, releases));
  if (takers.length === 0) return 1 / releases.length;
  return takers.filter((pod) => releaseOf(pod) === release).length / takers.length;
}

function addressesOf(
  service: ServiceKey,
  { metadata, spec, status }: FoundService,
  namespace: string,
): readonly ServiceAddress[] {
  const port = spec.ports[0]?.port;
  const isHttp = metadata.annotations[key.mode] !== "tcp";
  const outside = status.loadBalancer.ingress.flatMap(({ ip, hostname }) => hostname ?? ip ?? []);
  const shown = metadata.labels[key.preview] === undefined ? {} : { preview: true };
  const hosts = outside.length > 0 ? outside : [`${metadata.name}.${namespace}.svc`];
  return hosts.map((host) => ({
    ...{ service, url: isHttp ? `http://${host}:${port}` : `${host}:${port} (tcp)` },
    ...shown,
  }));
}
