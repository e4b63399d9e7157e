import type { Call } from "../../contract/call.ts";
import type { GroupSpec } from "../../contract/platform.ts";
import { openContent } from "../../linux/placed-content.ts";
import type { KubernetesContext } from "../context.ts";
import { key } from "../objects/names.ts";
import {
  contentObjects,
  type GroupInput,
  leavingObject,
  markLabels,
  replicaSet,
} from "../objects/objects.ts";
import { podInputOf } from "../pod-input.ts";
import { requireSupported } from "../target/preflight.ts";
import { publishImage } from "../target/publish.ts";
import type { FoundPod } from "../view/answers.ts";
import {
  isDrained,
  isGoing,
  isMember,
  isQuarantined,
  isReady,
  podsOf,
  releasesOf,
  replicaSetOf,
  serviceIn,
  sizeOf,
  type View,
} from "../view/view.ts";
import { protect } from "./budget.ts";
import { requireRoom } from "./quota.ts";
import { drain, tend } from "./tend.ts";

/** See `Platform.resize`. */
export async function resizeGroup(
  host: KubernetesContext,
  group: GroupSpec,
  size: number,
  call: Call,
): Promise<void> {
  const { service, number } = group.release;
  const view = await host.cluster.view(call, service);
  const set = replicaSetOf(view, service, number);
  if (set === undefined && size === 0) return;
  if (size > (set === undefined ? 0 : sizeOf(set)))
    requireRoom(await host.cluster.quotas(call), group.release.shape, size - membersOf(view, group).length);
  const content = size > 0 ? await openContent(host, group.release) : undefined;
  const owner = set === undefined ? await create(host, group, view, call) : set.metadata;
  if (content !== undefined) await place(host, group, content, owner, call);
  if (set !== undefined && size > 0) await welcome(host, view, group, call);
  await setApart(host, view, group, call);
  if (size > 0) await shrink(host, await host.cluster.view(call, service), group, size, call);
  await applySize(host, group, await host.cluster.view(call, service), size, call);
  if (size === 0) await dismiss(host, group, call);
}

function membersOf(view: View, { release }: GroupSpec): readonly FoundPod[] {
  return podsOf(view, release.service, release.number).filter((pod) => isMember(pod) && !isGoing(pod));
}

/** The ReplicaSet is there first, without pods: what pods need belongs to it, and goes with it. */
async function create(
  host: KubernetesContext,
  group: GroupSpec,
  view: View,
  call: Call,
): Promise<{ readonly name: string; readonly uid: string }> {
  requireSupported(group.release);
  await publishImage(host, group.release, call);
  const routed = releasesOf(serviceIn(view, group.release.service));
  const input = await groupInputOf(host, group, { size: 0, replicas: 0, routed }, call);
  return host.cluster.apply("replicasets", replicaSet(input), call);
}

/** Whenever pods may be made: what someone has deleted, or what an earlier call did not come to, is there again. */
async function place(
  host: KubernetesContext,
  { release }: GroupSpec,
  content: Awaited<ReturnType<typeof openContent>>,
  metadata: { readonly name: string; readonly uid: string },
  call: Call,
): Promise<void> {
  const { cluster } = host;
  const owner = { ...metadata, apiVersion: "apps/v1", kind: "ReplicaSet" } as const;
  const leaving = leavingObject(await podInputOf(host, release, call), owner);
  const { configMap, secret } = contentObjects(cluster.owner, release, content, owner);
  if (configMap) await cluster.apply("configmaps", configMap, call);
  if (secret) await cluster.apply("secrets", secret, call);
  if (leaving) await cluster.apply("configmaps", leaving, call);
  await protect(
    cluster,
    { ...metadata, labels: markLabels(cluster.owner, release), service: release.service },
    call,
  );
}

/** `routed`: the releases that have the traffic. */
export async function groupInputOf(
  host: KubernetesContext,
  group: GroupSpec,
  { size, replicas, routed }: { size: number; replicas: number; routed: readonly number[] },
  call: Call,
): Promise<GroupInput> {
  const { release } = group;
  return {
    ...(await podInputOf(host, release, call)),
    ...{ group, size, replicas, serving: size > 0 },
    shared: routed.length > 1 && routed.includes(release.number),
  };
}

/** What was on its way out of the group stays in it after all. */
async function welcome(
  { cluster }: KubernetesContext,
  view: View,
  group: GroupSpec,
  call: Call,
): Promise<void> {
  const change = { metadata: { labels: { [key.serving]: "yes" }, annotations: { [key.drainedAt]: null } } };
  for (const pod of membersOf(view, group)) if (isDrained(pod)) await cluster.mark("pods", pod, change, call);
}

/** Those that others take the place of are not counted; those that were and no longer are count again. */
async function setApart(
  { cluster }: KubernetesContext,
  view: View,
  group: GroupSpec,
  call: Call,
): Promise<void> {
  const { release, replacing = [] } = group;
  for (const pod of podsOf(view, release.service, release.number)) {
    if (isGoing(pod) || isDrained(pod)) continue;
    const apart = replacing.includes(pod.metadata.name);
    if (apart === !isMember(pod)) continue;
    await cluster.mark("pods", pod, { metadata: { labels: { [key.member]: apart ? null : "yes" } } }, call);
  }
}

/**
 * Takes ready pods out before the number is lowered: a ReplicaSet gives a pod that it deletes no time to drain. Until then it makes others in their
 * place, which it deletes again before any that is ready.
 */
async function shrink(
  host: KubernetesContext,
  view: View,
  group: GroupSpec,
  size: number,
  call: Call,
): Promise<void> {
  const members = membersOf(view, group);
  const since = (pod: FoundPod) => Date.parse(pod.metadata.creationTimestamp);
  const ready = members.filter(isReady).toSorted((a, b) => since(b) - since(a));
  const surplus = Math.max(0, ready.length - size);
  for (const pod of ready.slice(0, surplus))
    await drain(host.cluster, view, pod, host.clock.now(), call, { apart: true });
}

async function applySize(
  host: KubernetesContext,
  group: GroupSpec,
  view: View,
  size: number,
  call: Call,
): Promise<void> {
  const { service, number } = group.release;
  // A group that goes keeps its pods until they are drained.
  const replicas = size > 0 ? size : (replicaSetOf(view, service, number)?.spec.replicas ?? 0);
  const routed = releasesOf(serviceIn(view, service));
  const input = await groupInputOf(host, group, { size, replicas, routed }, call);
  await host.cluster.apply("replicasets", replicaSet(input), call);
}

/** All servers of a group that goes are drained, those among them that it no longer counts; the rest is done when they are. */
async function dismiss(host: KubernetesContext, group: GroupSpec, call: Call): Promise<void> {
  const { cluster, clock } = host;
  const { release, replacing = [] } = group;
  const view = await cluster.view(call, release.service);
  const apart = podsOf(view, release.service, release.number).filter(
    (pod) => !isMember(pod) && !isGoing(pod) && !isDrained(pod),
  );
  const kept = podsOf(view, release.service, release.number).filter(
    (pod) => isQuarantined(pod) && !isGoing(pod) && !replacing.includes(pod.metadata.name),
  );
  for (const pod of kept) await cluster.remove("pods", pod.metadata, call, { graceSeconds: 1 });
  for (const pod of apart)
    if (!replacing.includes(pod.metadata.name)) await drain(cluster, view, pod, clock.now(), call);
  await tend(cluster, view, clock.now(), () => {}, call);
}
