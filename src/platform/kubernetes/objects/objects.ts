import type { ServiceKey } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/release.ts";
import type { TrafficSpec } from "../../../domain/spec.ts";
import type { PlacedContent } from "../../linux/placed-content.ts";
import type { GroupSpec } from "../../platform.ts";
import { groupName, key, nameOf, type Owner, ownerLabels, trafficSelector } from "./names.ts";
import {
  commonLabels,
  containerName,
  fileItem,
  groupLabels,
  memberLabels,
  type PodInput,
  podTemplate,
  secretItem,
} from "./pod.ts";

export interface GroupInput extends PodInput {
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
      labels: { ...groupLabels(owner, release), ...commonLabels(release) },
      annotations: {
        ...{ [key.service]: release.service, [key.size]: String(size), [key.drainMs]: String(group.drainMs) },
        [key.deadlineMs]: String(release.health.deadlineMs),
        [key.replacing]: (group.replacing ?? []).join(","),
      },
    },
    spec: { replicas, selector: { matchLabels: memberLabels(owner, release) }, template: podTemplate(input) },
  };
}

export interface OwnerReference {
  readonly name: string;
  readonly uid: string;
}

/** The release's files and secrets, which no one can change and which go with the ReplicaSet. */
export function contentObjects(
  owner: Owner,
  release: Release,
  { secrets, files }: PlacedContent,
  { name, uid }: OwnerReference,
): { readonly configMap: object | undefined; readonly secret: object | undefined } {
  const metadata = {
    ...{ name, labels: { ...groupLabels(owner, release), ...commonLabels(release) } },
    annotations: { [key.service]: release.service },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name, uid }],
  };
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
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
export function serviceObject({ owner, service, traffic, exposure, releases }: ServiceInput): object {
  return {
    ...{ apiVersion: "v1", kind: "Service" },
    metadata: {
      name: nameOf(service),
      labels: {
        ...ownerLabels(owner),
        [key.service]: nameOf(service),
        "app.kubernetes.io/managed-by": "kiln",
      },
      annotations: { [key.service]: service, [key.releases]: releases.join(","), [key.mode]: traffic.mode },
    },
    spec: {
      type: exposure,
      selector: trafficSelector(owner, service, releases),
      ports: [{ name: "traffic", port: traffic.listen, targetPort: containerName, protocol: "TCP" }],
      ...(traffic.sticky ? { sessionAffinity: "ClientIP" } : {}),
    },
  };
}
