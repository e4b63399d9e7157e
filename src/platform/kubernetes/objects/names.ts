import { createHash } from "node:crypto";
import type { ServiceKey } from "../../../domain/ids.ts";
import type { TargetName } from "../../../domain/target.ts";

/** The name under which the cluster records which fields are ours: server-side apply. */
export const fieldManager = "kiln";

/** Keys of labels and annotations, by which people, and we, tell what an object is. */
export const key = {
  installation: "kiln.dev/installation",
  target: "kiln.dev/target",
  /** As label: the name that its objects have. As annotation: the service's own key. */
  service: "kiln.dev/service",
  release: "kiln.dev/release",
  /** Of pods: counted by the ReplicaSet of their release. */
  member: "kiln.dev/member",
  /** Of pods: `no` once they are drained; no Service selects them then. */
  serving: "kiln.dev/serving",
  /** Of pods in quarantine: their own name; and as annotation, since when (RFC 3339). */
  quarantine: "kiln.dev/quarantine",
  quarantinedAt: "kiln.dev/quarantined-at",
  /** Of pods: their release shares the traffic with others. */
  shared: "kiln.dev/shared",
  /** Annotation of a ReplicaSet: the size that was asked for. */
  size: "kiln.dev/size",
  /** Annotation of a ReplicaSet: names of pods that run in addition, with commas in between. */
  replacing: "kiln.dev/replacing",
  /** Annotation of a ReplicaSet: how long a pod's connections may take to end, in ms. */
  drainMs: "kiln.dev/drain-ms",
  /** Annotation of a ReplicaSet: how long a pod may take to become ready, in ms. */
  deadlineMs: "kiln.dev/deadline-ms",
  /** Annotation of a pod: it is deleted after this moment (RFC 3339). */
  drainedAt: "kiln.dev/drained-at",
  /** Of a pod that no ReplicaSet makes: `job` or `copy`. */
  oneOff: "kiln.dev/one-off",
  /** Annotations of a job's pod: its name, and its rollout or the number of its run. */
  job: "kiln.dev/job",
  rollout: "kiln.dev/rollout",
  run: "kiln.dev/run",
  /** Annotation of the copy of a server: its name. */
  reproduces: "kiln.dev/reproduces",
  /** Annotation of such a pod: `pending` until its files and secrets are there. */
  content: "kiln.dev/content",
  /** Annotations of such a pod: when Kiln has ended it (RFC 3339), and why. */
  stoppedAt: "kiln.dev/stopped-at",
  reason: "kiln.dev/reason",
  /** Of the Service that shows a release before it has traffic. */
  preview: "kiln.dev/preview",
  /** Annotation of a Service: numbers of the releases that have the traffic, with commas in between. */
  releases: "kiln.dev/releases",
  /** Annotation of a Service: `http` or `tcp`. */
  mode: "kiln.dev/mode",
} as const;

/** Who the objects belong to: several installations may use one namespace. */
export interface Owner {
  /** Of the installation. */
  readonly tag: string;
  readonly target: TargetName;
}

export function ownerLabels({ tag, target }: Owner): Readonly<Record<string, string>> {
  return { [key.installation]: tag, [key.target]: target };
}

/** A label selector for all that is ours, or all of one service. */
export function selectorOf(owner: Owner, service?: ServiceKey): string {
  const labels = {
    ...ownerLabels(owner),
    ...(service === undefined ? {} : { [key.service]: nameOf(service) }),
  };
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** Names of Services are DNS labels: RFC 1035, section 2.3.1. Room is left for what is appended. */
const longestName = 40;

/** The name that a service's objects have: its own, where that can be one. */
export function nameOf(service: ServiceKey): string {
  if (service.length <= longestName && /^[a-z](-?[a-z0-9])*$/.test(service)) return service;
  const digest = createHash("sha256").update(service).digest("hex").slice(0, 6);
  const readable = service.replace(/[^a-z0-9]+/g, "-").slice(0, longestName - 7);
  return `${readable.replace(/-+$/, "")}-${digest}`;
}

/** Of the Service for its preview: no service has such a name of its own. */
export function previewName(service: ServiceKey): string {
  return `${nameOf(service)}--preview`;
}

/** Of a release's ReplicaSet, and of what it owns. */
export function groupName(service: ServiceKey, release: number): string {
  return `${nameOf(service)}-${release}`;
}

/** One release is named by its number; several are those whose pods are marked. */
export function trafficSelector(
  owner: Owner,
  service: ServiceKey,
  releases: readonly number[],
): Readonly<Record<string, string>> {
  const [only] = releases;
  const which = releases.length === 1 ? { [key.release]: String(only) } : { [key.shared]: "yes" };
  return { ...ownerLabels(owner), [key.service]: nameOf(service), [key.serving]: "yes", ...which };
}

/** The group of disruption budgets: `v1` is there since 1.21, and alone since 1.25. */
export function policyGroup(minor: number): "policy/v1" | "policy/v1beta1" {
  return minor >= 21 ? "policy/v1" : "policy/v1beta1";
}
