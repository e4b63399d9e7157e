import type { ServiceKey } from "../../../domain/ids.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { KubernetesContext } from "../context.ts";
import { key, nameOf, previewName } from "../objects/names.ts";
import { previewObject, serviceObject } from "../objects/objects.ts";
import type { FoundPod } from "../view/answers.ts";
import {
  isDrained,
  isGoing,
  podsOf,
  previewedOf,
  releaseOf,
  releasesOf,
  replicaSetOf,
  serviceIn,
  serviceKeyOf,
  takesTraffic,
  type View,
} from "../view/view.ts";

const lookAgainMs = 100;

/** See `Platform.route`. */
export async function routeService(
  host: KubernetesContext,
  service: ServiceKey,
  shares: Shares,
  releases: readonly Release[],
  call: Call,
): Promise<void> {
  const { cluster, clock } = host;
  const wanted = routedIn(shares);
  const view = await cluster.view(call, service);
  const present = serviceIn(view, service);
  if (wanted.length === 0) {
    for (const found of [...(present ? [present] : []), ...previewsOf(view, service)])
      await cluster.remove("services", found.metadata, call);
    return;
  }
  requireReady(view, service, wanted);
  const object = routedObject(host, service, wanted, releases);
  if (wanted.length > 1) await share(host, service, wanted, call);
  await cluster.apply("services", object, call);
  await unshare(host, service, wanted.length > 1 ? wanted : [], call);
  await arrival(host, service, nameOf(service), wanted, call);
  if (wanted.join(",") !== releasesOf(present).join(",")) await clock.sleep(host.settleMs, call.signal);
}

/** The releases that have a part of the traffic, by number. */
export function routedIn(shares: Shares): readonly number[] {
  return shares.flatMap(({ release, share }) => (share > 0 ? [release] : [])).toSorted((a, b) => a - b);
}

/** The Service whose traffic these releases have; where it comes in is what the newest of them says. */
export function routedObject(
  { cluster: { owner }, exposure }: KubernetesContext,
  service: ServiceKey,
  wanted: readonly number[],
  releases: readonly Release[],
): object {
  const traffic = releases
    .filter(({ number }) => wanted.includes(number))
    .toSorted((a, b) => b.number - a.number)[0]?.traffic;
  if (traffic === undefined) throw new Error("a release that takes traffic says where it comes in");
  return serviceObject({ owner, service, traffic, exposure, releases: wanted });
}

/** The Service that shows the release; none when it has no port for that. */
export function shownObject(
  { cluster: { owner }, exposure }: KubernetesContext,
  service: ServiceKey,
  release: Release | undefined,
): object | undefined {
  const { traffic, number } = release ?? {};
  if (traffic?.preview === undefined || number === undefined) return undefined;
  return previewObject({ owner, service, traffic, exposure }, number, traffic.preview);
}

/** See `Platform.preview`. The port is open while a release is shown. */
export async function previewService(
  host: KubernetesContext,
  service: ServiceKey,
  release: Release | undefined,
  call: Call,
): Promise<void> {
  const { cluster, clock } = host;
  const [present] = previewsOf(await cluster.view(call, service), service);
  const object = shownObject(host, service, release);
  if (object === undefined || release === undefined) {
    if (present !== undefined) await cluster.remove("services", present.metadata, call);
    return;
  }
  const { number } = release;
  await cluster.apply("services", object, call);
  await arrival(host, service, previewName(service), [number], call);
  if (present === undefined || previewedOf(present) !== number) await clock.sleep(host.settleMs, call.signal);
}

function previewsOf(view: View, service: ServiceKey): View["previews"] {
  return view.previews.filter((found) => serviceKeyOf(found) === service);
}

function requireReady(view: View, service: ServiceKey, wanted: readonly number[]): void {
  const now = releasesOf(serviceIn(view, service));
  if (view.pods.some((pod) => takesTraffic(pod, wanted)) || !view.pods.some((pod) => takesTraffic(pod, now)))
    return;
  throw new KilnError(
    "server_failed",
    `No server of ${service} that is to have the traffic is ready any more: the traffic stays where it is.`,
    { retry: true },
  );
}

/** Marks all pods of these releases, and those that will be made of them, before the Service looks for the mark. */
async function share(
  host: KubernetesContext,
  service: ServiceKey,
  releases: readonly number[],
  call: Call,
): Promise<void> {
  const isMarked = ({ metadata }: FoundPod) => metadata.labels[key.shared] === "yes";
  await markUntil(host, service, "yes", call, (view) => ({
    sets: releases.flatMap((release) => replicaSetOf(view, service, release) ?? []),
    pods: releases
      .flatMap((release) => podsOf(view, service, release))
      .filter((pod) => !isMarked(pod) && !isGoing(pod)),
  }));
}

/** Takes the mark from all others. */
async function unshare(
  host: KubernetesContext,
  service: ServiceKey,
  but: readonly number[],
  call: Call,
): Promise<void> {
  const isOther = (release: number) => !but.includes(release);
  await markUntil(host, service, null, call, (view) => ({
    sets: view.replicaSets.filter((set) => isOther(releaseOf(set))),
    pods: view.pods.filter(
      (pod) => isOther(releaseOf(pod)) && pod.metadata.labels[key.shared] === "yes" && !isGoing(pod),
    ),
  }));
}

/** Until a look shows nothing that lacks the change: pods are made and change at any time. */
async function markUntil(
  { cluster, clock }: KubernetesContext,
  service: ServiceKey,
  value: "yes" | null,
  call: Call,
  missing: (view: View) => { sets: View["replicaSets"]; pods: View["pods"] },
): Promise<void> {
  const labels = { [key.shared]: value };
  for (;;) {
    const { sets, pods } = missing(await cluster.view(call, service));
    const old = sets.filter(({ spec }) => spec.template.metadata.labels[key.shared] !== (value ?? undefined));
    if (old.length === 0 && pods.length === 0) return;
    const change = { spec: { template: { metadata: { labels } } } };
    for (const set of old) await cluster.mark("replicasets", set, change, call);
    for (const pod of pods) await cluster.mark("pods", pod, { metadata: { labels } }, call);
    if (old.length > 0) await clock.sleep(lookAgainMs, call.signal); // the cluster may still be making pods of the old template
  }
}

/** Until the cluster's own list of where the traffic goes has exactly the ready pods of these releases. */
async function arrival(
  { cluster, clock }: KubernetesContext,
  service: ServiceKey,
  name: string,
  releases: readonly number[],
  call: Call,
): Promise<void> {
  for (;;) {
    const [view, found] = [await cluster.view(call, service), await cluster.endpoints(name, call)];
    const wanted = view.pods
      .filter((pod) => takesTraffic(pod, releases) && !isDrained(pod))
      .map(({ metadata }) => metadata.name);
    if (wanted.length === found.size && wanted.every((name) => found.has(name))) return;
    await clock.sleep(lookAgainMs, call.signal);
  }
}
