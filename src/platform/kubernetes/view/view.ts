import { isDeepStrictEqual } from "node:util";
import type { ServiceKey } from "../../../domain/ids.ts";
import { key, trafficSelector } from "../objects/names.ts";
import type { FoundBudget, FoundPod, FoundReplicaSet, FoundService } from "./answers.ts";

/** Everything of ours in a namespace, as one look has shown it. ReplicaSets were read before pods. */
export interface View {
  readonly replicaSets: readonly FoundReplicaSet[];
  readonly pods: readonly FoundPod[];
  readonly services: readonly FoundService[];
  /** Services that show a release before it has traffic. */
  readonly previews: readonly FoundService[];
  /** Pods that no ReplicaSet makes: jobs and copies of servers. */
  readonly oneOffs: readonly FoundPod[];
  /** Absent: not looked at. */
  readonly budgets?: readonly FoundBudget[] | undefined;
  /** Our time, when the look was over (Unix time in ms). */
  readonly nowMs: number;
  /** How far the cluster's clock is ahead of ours, in ms. */
  readonly clockAheadMs: number;
}

interface Marked {
  readonly metadata: Pick<FoundPod["metadata"], "labels" | "annotations">;
}

/** Whom an object belongs to, by its annotation; undefined where that was taken away. */
export function serviceKeyOf({ metadata }: Marked): ServiceKey | undefined {
  return metadata.annotations[key.service];
}

export function releaseOf({ metadata }: Marked): number {
  return Number(metadata.labels[key.release]);
}

/** The pods of a release: those that the ReplicaSet counts, and those that were taken out of it. */
export function podsOf(view: View, service: ServiceKey, release: number): readonly FoundPod[] {
  return view.pods.filter((pod) => serviceKeyOf(pod) === service && releaseOf(pod) === release);
}

export function replicaSetOf(view: View, service: ServiceKey, release: number): FoundReplicaSet | undefined {
  return view.replicaSets.find((set) => serviceKeyOf(set) === service && releaseOf(set) === release);
}

export function serviceIn(view: View, service: ServiceKey): FoundService | undefined {
  return view.services.find((each) => serviceKeyOf(each) === service);
}

/** The releases that a Service gives its traffic to; none when its selector is not the one that Kiln has set. */
export function releasesOf(service: FoundService | undefined): readonly number[] {
  if (service === undefined) return [];
  const { annotations, labels } = service.metadata;
  const releases = (annotations[key.releases] ?? "").split(",").filter(Boolean).map(Number);
  const owner = { tag: labels[key.installation] ?? "", target: labels[key.target] ?? "" };
  const expected = trafficSelector(owner, annotations[key.service] ?? "", releases);
  return isDeepStrictEqual({ ...service.spec.selector }, expected) ? releases : [];
}

/** The release that a preview shows; undefined when its selector is not the one that Kiln has set. */
export function previewedOf({ metadata, spec }: FoundService): number | undefined {
  const { annotations, labels } = metadata;
  const release = Number(annotations[key.preview]);
  const owner = { tag: labels[key.installation] ?? "", target: labels[key.target] ?? "" };
  const expected = trafficSelector(owner, annotations[key.service] ?? "", [release]);
  return isDeepStrictEqual({ ...spec.selector }, expected) ? release : undefined;
}

export function sizeOf({ metadata, spec }: FoundReplicaSet): number {
  const asked = metadata.annotations[key.size];
  return asked === undefined ? spec.replicas : Number(asked);
}

export function replacingOf({ metadata }: FoundReplicaSet): readonly string[] {
  return (metadata.annotations[key.replacing] ?? "").split(",").filter(Boolean);
}

export function isDeleted({ metadata }: FoundPod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/**
 * Its node has given it up: an eviction, a shutdown, a node that does not admit it. No ReplicaSet counts it any more, and its object stays until
 * someone deletes it. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 */
export function isGivenUp({ status }: FoundPod): boolean {
  return status.phase === "Failed" || status.phase === "Succeeded";
}

/** It never serves again. */
export function isGoing(pod: FoundPod): boolean {
  return isDeleted(pod) || isGivenUp(pod);
}

/**
 * Nothing of it runs any more: its object stays until its node has cleaned up, which takes some seconds, or a minute where it was still being started.
 * A node that has removed the container already calls it `waiting` again.
 */
export function hasEnded(view: View, pod: FoundPod): boolean {
  const { containerStatuses } = pod.status;
  if (isGivenUp(pod)) return true;
  if (!isDeleted(pod) || containerStatuses.length === 0) return false;
  const isOver = (momentOf(view, pod.metadata.deletionTimestamp) ?? 0) < view.nowMs;
  return containerStatuses.every(({ state }) => state.terminated || (isOver && state.running === undefined));
}

export function isMember({ metadata }: FoundPod): boolean {
  return metadata.labels[key.member] === "yes";
}

export function isDrained({ metadata }: FoundPod): boolean {
  return metadata.labels[key.serving] === "no";
}

export function isQuarantined({ metadata }: FoundPod): boolean {
  return metadata.labels[key.quarantine] !== undefined;
}

export function isReady({ status }: FoundPod): boolean {
  return conditionOf(status.conditions, "Ready")?.status === "True";
}

export function conditionOf<C extends { readonly type: string }>(
  conditions: readonly C[],
  type: string,
): C | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** Whether the cluster sends requests of the service to this pod. */
export function takesTraffic(pod: FoundPod, releases: readonly number[]): boolean {
  return isReady(pod) && !isDrained(pod) && !isGoing(pod) && releases.includes(releaseOf(pod));
}

/** A moment of the cluster in our time (Unix time in ms). */
export function momentOf(
  { clockAheadMs }: Pick<View, "clockAheadMs">,
  text: string | null | undefined,
): number | undefined {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) ? undefined : ms - clockAheadMs;
}

/** The digest of the image that it was made from. */
export function imageOf({ spec }: FoundPod): string {
  return spec.containers[0]?.image.split("@")[1] ?? "";
}
