import type { ServiceKey } from "../../../domain/ids.ts";
import type { ServerFailure } from "../../../domain/observation.ts";
import type { Call } from "../../contract/call.ts";
import type { Cluster } from "../cluster.ts";
import { key, nameOf } from "../objects/names.ts";
import type { FoundPod, FoundReplicaSet } from "../view/answers.ts";
import {
  conditionOf,
  isDeleted,
  isDrained,
  isGivenUp,
  isGoing,
  isMember,
  isReady,
  momentOf,
  podsOf,
  releaseOf,
  replicaSetOf,
  serviceIn,
  serviceKeyOf,
  sizeOf,
  type View,
} from "../view/view.ts";

import { markOf, protect, unprotected } from "./budget.ts";

/** What is still to be done after a look, because it had to wait for time to pass or for the cluster. */
export interface Chores {
  /** Their connections have had their time. */
  readonly finished: readonly FoundPod[];
  /** Ready pods of a group that goes, which no one has taken out of traffic yet. */
  readonly leaving: readonly FoundPod[];
  /** Groups that go, whose pods may go now. */
  readonly empty: readonly FoundReplicaSet[];
  /** Groups of which nothing is left, nor will be. */
  readonly over: readonly FoundReplicaSet[];
  /** Groups whose number of pods someone else has changed. */
  readonly scaled: readonly FoundReplicaSet[];
  /** Groups whose budget someone else has changed or deleted. */
  readonly unprotected: readonly FoundReplicaSet[];
  /** Not ready within their deadline. */
  readonly late: readonly FoundPod[];
  /** Given up by their node. */
  readonly ended: readonly FoundPod[];
}

/** Pure. `nowMs`: our time. */
export function choresOf(view: View, nowMs: number): Chores {
  const going = view.replicaSets.filter(
    (set) => sizeOf(set) === 0 && set.metadata.deletionTimestamp === undefined,
  );
  const membersOf = (set: FoundReplicaSet) =>
    podsOf(view, serviceKeyOf(set) ?? "", releaseOf(set)).filter((pod) => isMember(pod) && !isGoing(pod));
  const isDone = (pod: FoundPod) =>
    (momentOf(view, pod.metadata.annotations[key.drainedAt]) ?? Number.POSITIVE_INFINITY) <= nowMs;
  return {
    finished: view.pods.filter((pod) => !isMember(pod) && isDrained(pod) && !isGoing(pod) && isDone(pod)),
    leaving: going.flatMap((set) => membersOf(set).filter((pod) => isReady(pod) && !isDrained(pod))),
    empty: going.filter(
      (set) =>
        set.spec.replicas > 0 &&
        membersOf(set).every((pod) => isDone(pod) || (!isReady(pod) && !isDrained(pod))),
    ),
    over: going.filter(
      (set) => isSettled(set) && podsOf(view, serviceKeyOf(set) ?? "", releaseOf(set)).length === 0,
    ),
    scaled: view.replicaSets.filter(
      (set) =>
        sizeOf(set) > 0 && set.spec.replicas !== sizeOf(set) && set.metadata.deletionTimestamp === undefined,
    ),
    unprotected: unprotected(view),
    late: view.pods.filter((pod) => isLate(view, pod, nowMs)),
    ended: view.pods.filter((pod) => isGivenUp(pod) && !isDeleted(pod)),
  };
}

/** Pure. */
export function servicesWithChores(view: View, nowMs: number): ReadonlySet<ServiceKey> {
  const all = Object.values(choresOf(view, nowMs)).flat();
  return new Set(all.flatMap((object) => serviceKeyOf(object) ?? []));
}

/** The cluster has acted on its size of 0, so that no pod of it is still being made. */
function isSettled({ metadata, spec, status }: FoundReplicaSet): boolean {
  return spec.replicas === 0 && status.replicas === 0 && status.observedGeneration >= metadata.generation;
}

/** A pod that was never started waits for the cluster: that is not its own fault. */
function isLate(view: View, pod: FoundPod, nowMs: number): boolean {
  if (isReady(pod) || isGoing(pod) || isDrained(pod)) return false;
  const set = replicaSetOf(view, serviceKeyOf(pod) ?? "", releaseOf(pod));
  const deadlineMs = Number(set?.metadata.annotations[key.deadlineMs] ?? Number.NaN);
  const started = momentOf(view, pod.status.containerStatuses[0]?.state.running?.startedAt);
  const changed = momentOf(view, conditionOf(pod.status.conditions, "Ready")?.lastTransitionTime) ?? 0;
  return started !== undefined && nowMs - Math.max(started, changed) >= deadlineMs;
}

/** Does what is due. What the cluster has changed meanwhile is left for the next look. */
export async function tend(
  cluster: Cluster,
  view: View,
  nowMs: number,
  gaveUp: (service: ServiceKey, failure: ServerFailure, uid: string) => void,
  call: Call,
): Promise<void> {
  const { finished, leaving, empty, over, scaled, late, ended, ...chores } = choresOf(view, nowMs);
  for (const pod of late) {
    gaveUp(serviceKeyOf(pod) ?? "", await lateFailure(cluster, view, pod, nowMs, call), pod.metadata.uid);
    await cluster.remove("pods", pod.metadata, call);
  }
  for (const pod of ended) await cluster.remove("pods", pod.metadata, call);
  for (const pod of leaving) await drain(cluster, view, pod, nowMs, call);
  for (const pod of finished)
    if (!(await hasTraffic(cluster, view, pod, call))) await cluster.remove("pods", pod.metadata, call);
  for (const set of empty) {
    const served = podsOf(view, serviceKeyOf(set) ?? "", releaseOf(set));
    const reached = await Promise.all(served.map((pod) => hasTraffic(cluster, view, pod, call)));
    if (!reached.some(Boolean)) await cluster.mark("replicasets", set, { spec: { replicas: 0 } }, call);
  }
  for (const set of scaled) await cluster.mark("replicasets", set, { spec: { replicas: sizeOf(set) } }, call);
  for (const set of chores.unprotected) await protect(cluster, markOf(set), call);
  for (const set of over) await cluster.remove("replicasets", set.metadata, call);
}

/**
 * Takes a pod out of traffic. It is deleted when its connections have had their time, and no earlier than the cluster has stopped to send
 * it others. `apart`: its ReplicaSet no longer counts it, and makes another one.
 */
export async function drain(
  cluster: Cluster,
  view: View,
  pod: FoundPod,
  nowMs: number,
  call: Call,
  { apart = false }: { readonly apart?: boolean } = {},
): Promise<boolean> {
  const set = replicaSetOf(view, serviceKeyOf(pod) ?? "", releaseOf(pod));
  const drainMs = isReady(pod) ? Number(set?.metadata.annotations[key.drainMs] ?? 0) : 0;
  const until =
    pod.metadata.annotations[key.drainedAt] ?? new Date(nowMs + view.clockAheadMs + drainMs).toISOString();
  const labels = { [key.serving]: "no", ...(apart ? { [key.member]: null } : {}) };
  return cluster.mark("pods", pod, { metadata: { labels, annotations: { [key.drainedAt]: until } } }, call);
}

async function hasTraffic(cluster: Cluster, view: View, pod: FoundPod, call: Call): Promise<boolean> {
  const service = serviceKeyOf(pod) ?? "";
  if (serviceIn(view, service) === undefined) return false;
  return (await cluster.endpoints(nameOf(service), call)).has(pod.metadata.name);
}

async function lateFailure(
  cluster: Cluster,
  view: View,
  pod: FoundPod,
  nowMs: number,
  call: Call,
): Promise<ServerFailure> {
  const release = releaseOf(pod);
  const set = replicaSetOf(view, serviceKeyOf(pod) ?? "", release);
  const deadlineMs = Number(set?.metadata.annotations[key.deadlineMs] ?? 0);
  const told = await cluster.events(pod.metadata.uid, "Unhealthy", call);
  const words =
    told.at(-1) ?? conditionOf(pod.status.conditions, "Ready")?.message ?? "its check has not passed";
  return {
    ...{ id: pod.metadata.name, release, atMs: nowMs, kind: "unready", logTail: [] },
    reason: `was not ready within ${deadlineMs / 1000} s: ${words}`,
    probes: told.length > 0 ? told.slice(-5) : [words],
  };
}
