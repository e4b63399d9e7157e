import { isDeepStrictEqual } from "node:util";
import type { ServiceKey } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { TrafficSpec } from "../../../domain/spec/traffic-spec.ts";
import type { GroupSpec } from "../../contract/platform.ts";
import type { PlacedContent } from "../../linux/placed-content.ts";
import type { FoundBudget } from "../view/answers.ts";
import { leavingName, leavingProgram } from "./leaving.ts";
import {
  groupName,
  key,
  nameOf,
  type Owner,
  ownerLabels,
  policyGroup,
  previewName,
  trafficSelector,
} from "./names.ts";
import {
  commonLabels,
  containerName,
  groupLabels,
  memberLabels,
  type PodInput,
  podTemplate,
  type TemplateInput,
} from "./pod.ts";
import { fileItem, secretItem } from "./pod-volumes.ts";

export interface GroupInput extends TemplateInput {
  readonly group: GroupSpec;
  readonly size: number;
  /** How many pods the ReplicaSet keeps: not `size` while they are drained. */
  readonly replicas: number;
}

/** The one ReplicaSet of a release. Nothing of a pod that runs follows from a later change of it. */
export function replicaSet(input: GroupInput): object {
  const { owner, release, group, size, replicas } = input;
  return {
    ...{ apiVersion: "apps/v1", kind: "ReplicaSet" },
    metadata: {
      name: groupName(release.service, release.number),
      labels: markLabels(owner, release),
      annotations: {
        ...{ [key.service]: release.service, [key.size]: String(size), [key.drainMs]: String(group.drainMs) },
        [key.deadlineMs]: String(release.health.deadlineMs),
        [key.replacing]: (group.replacing ?? []).join(","),
      },
    },
    spec: { replicas, selector: { matchLabels: memberLabels(owner, release) }, template: podTemplate(input) },
  };
}

/** Of the object that others go with. */
export interface OwnerReference {
  readonly apiVersion: "apps/v1" | "v1";
  readonly kind: "ReplicaSet" | "Pod";
  readonly name: string;
  readonly uid: string;
}

/** The release's files and secrets, which no one can change, and which have the name of what they belong to and go with it. */
export function contentObjects(
  owner: Owner,
  release: Release,
  { secrets, files }: PlacedContent,
  { apiVersion, kind, name, uid }: OwnerReference,
): { readonly configMap: object | undefined; readonly secret: object | undefined } {
  const metadata = {
    ...{ name, labels: markLabels(owner, release), annotations: { [key.service]: release.service } },
    ownerReferences: [{ apiVersion, kind, name, uid }],
  };
  const configMap = {
    ...{ apiVersion: "v1", kind: "ConfigMap", immutable: true, metadata },
    binaryData: Object.fromEntries(files.map(({ bytes }, index) => [fileItem(index), base64(bytes)])),
  };
  const secret = {
    ...{ apiVersion: "v1", kind: "Secret", type: "Opaque", immutable: true, metadata },
    data: Object.fromEntries(secrets.map(({ value }, index) => [secretItem(index), base64(value)])),
  };
  return {
    configMap: files.length === 0 ? undefined : configMap,
    secret: secrets.length === 0 ? undefined : secret,
  };
}

/** What servers need for their pause when others end them, where the cluster cannot wait by itself. It goes with the group. */
export function leavingObject(
  input: PodInput,
  { apiVersion, kind, name, uid }: OwnerReference,
): object | undefined {
  const { owner, release } = input;
  const program = leavingProgram(input);
  if (program === undefined) return undefined;
  const items = Object.entries(program).map(([item, bytes]) => [item, base64(bytes)]);
  return {
    ...{ apiVersion: "v1", kind: "ConfigMap", immutable: true },
    metadata: {
      ...{ name: leavingName(release), labels: markLabels(owner, release) },
      annotations: { [key.service]: release.service },
      ownerReferences: [{ apiVersion, kind, name, uid }],
    },
    binaryData: Object.fromEntries(items),
  };
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** A group, as what goes with it needs to know it. */
export interface GroupMark {
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly service: ServiceKey;
}

/** The labels of a release's ReplicaSet, and of all that goes with it. */
export function markLabels(owner: Owner, release: Release): Readonly<Record<string, string>> {
  return { ...groupLabels(owner, release), ...commonLabels(release) };
}

/**
 * When nodes are emptied, one server of the group at a time, also the only one: otherwise no node could be. Servers that are not ready stop no one
 * (`unhealthyPodEvictionPolicy` is on since 1.27).
 */
export function budgetObject({ name, uid, labels, service }: GroupMark, minor: number): object {
  return {
    ...{ apiVersion: policyGroup(minor), kind: "PodDisruptionBudget" },
    metadata: {
      ...{ name, labels, annotations: { [key.service]: service } },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name, uid }],
    },
    spec: {
      ...{ maxUnavailable, selector: { matchLabels: membersOf(labels) } },
      ...(minor >= 27 ? { unhealthyPodEvictionPolicy: "AlwaysAllow" } : {}),
    },
  };
}

/** Pure: whether it still is what Kiln has made. Later fields of it are not looked at. */
export function protects({ metadata, spec }: FoundBudget, labels: GroupMark["labels"]): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector ?? {};
  return (
    metadata.deletionTimestamp === undefined &&
    spec.maxUnavailable === maxUnavailable &&
    matchExpressions.length === 0 &&
    isDeepStrictEqual({ ...matchLabels }, membersOf(labels))
  );
}

const maxUnavailable = 1;

/** By the labels of a group, those by which it knows its servers. */
function membersOf(labels: GroupMark["labels"]): Readonly<Record<string, string>> {
  const telling = new Set<string>([key.installation, key.target, key.service, key.release]);
  const known = Object.entries(labels).filter(([name]) => telling.has(name));
  return { ...Object.fromEntries(known), [key.member]: "yes" };
}

/** No connection reaches the pod, and it makes none, where the cluster's network obeys policies. */
export function isolationObject(
  owner: Owner,
  { name, uid }: { readonly name: string; readonly uid: string },
): object {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
    metadata: {
      ...{ name, labels: { ...ownerLabels(owner), "app.kubernetes.io/managed-by": "kiln" } },
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }],
    },
    spec: {
      podSelector: { matchLabels: { [key.quarantine]: name } },
      policyTypes: ["Ingress", "Egress"],
    },
  };
}

export type Exposure = "ClusterIP" | "NodePort" | "LoadBalancer";

export interface ServiceInput {
  readonly owner: Owner;
  readonly service: ServiceKey;
  readonly traffic: TrafficSpec;
  readonly exposure: Exposure;
  /** At least one. */
  readonly releases: readonly number[];
}

/** The switch of a service's traffic is the selector: one write moves all of it. */
export function serviceObject(input: ServiceInput): object {
  const { owner, service, traffic, releases } = input;
  return portObject(input, {
    ...{
      name: nameOf(service),
      port: traffic.listen,
      more: {},
      annotations: { [key.releases]: releases.join(",") },
    },
    selector: trafficSelector(owner, service, releases),
  });
}

/** The same for one release that has no traffic yet. */
export function previewObject(input: Omit<ServiceInput, "releases">, release: number, port: number): object {
  const { owner, service } = input;
  return portObject(input, {
    ...{ name: previewName(service), port, more: { [key.preview]: "yes" } },
    annotations: { [key.preview]: String(release) },
    selector: trafficSelector(owner, service, [release]),
  });
}

interface Port {
  readonly name: string;
  readonly port: number;
  /** Labels besides those that all have. */
  readonly more: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
}

function portObject(
  { owner, service, traffic, exposure }: Omit<ServiceInput, "releases">,
  { name, port, more, annotations, selector }: Port,
): object {
  return {
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: {
      name,
      labels: {
        ...{ ...ownerLabels(owner), [key.service]: nameOf(service) },
        ...{ "app.kubernetes.io/managed-by": "kiln", ...more },
      },
      annotations: { [key.service]: service, [key.mode]: traffic.mode, ...annotations },
    },
    spec: {
      ...{ type: exposure, selector },
      ports: [{ name: "traffic", port, targetPort: containerName, protocol: "TCP" }],
      ...(traffic.sticky ? { sessionAffinity: "ClientIP" } : {}),
    },
  };
}
