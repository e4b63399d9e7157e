import type { Release } from "../../../domain/rollout/release.ts";
import type { Call } from "../../contract/call.ts";
import type { PlannedCall } from "../../contract/platform.ts";
import { openContent, type PlacedContent } from "../../linux/placed-content.ts";
import type { KubernetesContext } from "../context.ts";
import { groupName } from "../objects/names.ts";
import {
  budgetObject,
  contentObjects,
  leavingObject,
  markLabels,
  type OwnerReference,
  replicaSet,
} from "../objects/objects.ts";
import { jobPod, podOf } from "../one-off/one-off.ts";
import { podInputOf } from "../pod-input.ts";
import { releasesOf, replicaSetOf, serviceIn } from "../view/view.ts";
import { groupInputOf } from "./resize.ts";
import { routedIn, routedObject, shownObject } from "./route.ts";

type Contents = ReadonlyMap<string, Uint8Array>;
type Planned<Kind extends PlannedCall["kind"]> = Extract<PlannedCall, { readonly kind: Kind }>;

/** The uid of what is not there yet: the cluster gives it. */
const unknownUid = "00000000-0000-0000-0000-000000000000";
const masked = Buffer.from("****");

/** See `Platform.manifests`. They are made by the functions that the calls themselves use. */
export async function manifestsOf(
  host: KubernetesContext,
  planned: readonly PlannedCall[],
  contents: Contents,
  call: Call,
): Promise<readonly object[]> {
  const routes = planned.filter((each) => each.kind === "route");
  const objects: (object | undefined)[] = [];
  for (const each of planned) {
    if (each.kind === "run-job") objects.push(...(await jobObjects(host, each, contents, call)));
    if (each.kind === "resize")
      objects.push(...(await groupObjects(host, each, routes.at(-1), contents, call)));
    if (each.kind === "route")
      objects.push(routedObject(host, each.service, routedIn(each.shares), each.releases));
    if (each.kind === "preview") objects.push(shownObject(host, each.service, each.release));
  }
  const { namespace } = host.cluster;
  return objects.flatMap((object) => (object === undefined ? [] : placedIn(namespace, object)));
}

async function groupObjects(
  host: KubernetesContext,
  { group, size }: Planned<"resize">,
  route: Planned<"route"> | undefined,
  contents: Contents,
  call: Call,
): Promise<readonly (object | undefined)[]> {
  const { cluster } = host;
  const { release } = group;
  const view = await cluster.view(call, release.service);
  const routed = route ? routedIn(route.shares) : releasesOf(serviceIn(view, release.service));
  const input = await groupInputOf(host, group, { size, replicas: size, routed }, call);
  const uid = replicaSetOf(view, release.service, release.number)?.metadata.uid ?? unknownUid;
  const name = groupName(release.service, release.number);
  const owner: OwnerReference = { apiVersion: "apps/v1", kind: "ReplicaSet", name, uid };
  const { configMap, secret } = contentObjects(
    cluster.owner,
    release,
    await content(release, contents),
    owner,
  );
  const labels = markLabels(cluster.owner, release);
  const budget = budgetObject({ name, uid, labels, service: release.service }, input.minor);
  return [replicaSet(input), configMap, secret, leavingObject(input, owner), budget];
}

async function jobObjects(
  host: KubernetesContext,
  { order }: Planned<"run-job">,
  contents: Contents,
  call: Call,
): Promise<readonly (object | undefined)[]> {
  const { release } = order;
  const oneOff = jobPod(order);
  const owner: OwnerReference = { apiVersion: "v1", kind: "Pod", name: oneOff.name, uid: unknownUid };
  const placed = await content(release, contents);
  const { configMap, secret } = contentObjects(host.cluster.owner, release, placed, owner);
  return [podOf(oneOff, await podInputOf(host, release, call)), configMap, secret];
}

function content(release: Release, contents: Contents): Promise<PlacedContent> {
  return openContent(
    {
      secrets: {
        newest: async () => masked,
        open: async (_service, secrets) => new Map(secrets.map(({ name }) => [name, masked])),
      },
      configs: { open: async (digest) => contents.get(digest) ?? new Uint8Array() },
    },
    release,
  );
}

/** Where the path of a request names it otherwise. */
function placedIn(namespace: string, object: object): object {
  const { metadata, ...rest } = object as { readonly metadata: { readonly name: string } };
  const { apiVersion, kind, ...more } = rest as Readonly<Record<string, unknown>>;
  const { name, ...marks } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, ...marks }, ...more };
}
