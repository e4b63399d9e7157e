import type { ServiceKey } from "../../../domain/ids.ts";
import type { ServerFailure } from "../../../domain/observation.ts";
import type { FoundPod, FoundReplicaSet } from "./answers.ts";
import {
  conditionOf,
  isDeleted,
  isGivenUp,
  isQuarantined,
  momentOf,
  releaseOf,
  serviceKeyOf,
  type View,
} from "./view.ts";

const keptFailures = 5;
const keptLines = 20;

/** What a container waits for that will not come by waiting: `waiting.reason` of the kubelet. */
const hopelessReasons = new Set([
  ...["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ErrImageInspect"],
  ...["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"],
]);

interface GroupFailures {
  readonly failures: ServerFailure[];
  /** Whatever failed, by what tells it apart from other failures. */
  readonly known: Set<string>;
  /** Failures of which no more than their number is known, by pod. */
  readonly earlier: Map<string, number>;
}

/** How pods have failed, as long as their group is there. The cluster forgets all but the last end of each container. */
export class FailureMemory {
  readonly #groups = new Map<string, GroupFailures>();

  /** Takes in what a look has shown, and forgets groups that are gone. */
  note(view: View): void {
    for (const pod of view.pods) {
      if (isDeleted(pod) || isQuarantined(pod)) continue;
      if (isGivenUp(pod) && pod.status.reason !== "") this.#noteGivenUp(view, pod);
      else this.#notePod(view, pod);
    }
    for (const set of view.replicaSets) this.#noteReplicaSet(view, set);
    const there = new Set(
      [...view.pods, ...view.replicaSets].map((each) => groupKey(serviceKeyOf(each), releaseOf(each))),
    );
    for (const group of this.#groups.keys()) if (!there.has(group)) this.#groups.delete(group);
  }

  /** A pod that is given up because it has not become ready in time. */
  add(service: ServiceKey, failure: ServerFailure, uid: string): void {
    this.#remember(groupKey(service, failure.release), `${uid} ${failure.kind}`, failure);
  }

  of(
    service: ServiceKey,
    release: number,
  ): { readonly failures: readonly ServerFailure[]; readonly failed: number } {
    const group = this.#groups.get(groupKey(service, release));
    const earlier = [...(group?.earlier.values() ?? [])].reduce((sum, one) => sum + one, 0);
    // A copy: what one look has reported is compared with the next one.
    return { failures: [...(group?.failures ?? [])], failed: (group?.known.size ?? 0) + earlier };
  }

  #notePod(view: View, pod: FoundPod): void {
    const group = groupKey(serviceKeyOf(pod), releaseOf(pod));
    const ended = lastEnd(pod);
    if (ended !== undefined) {
      const atMs = latestOf(view, ended.finishedAt) ?? latestOf(view, pod.metadata.creationTimestamp) ?? 0;
      const failure = { ...endOf(pod, ended), atMs };
      this.#noteEarlier(group, pod, failure.restart ?? 0);
      this.#remember(group, `${pod.metadata.uid} ${failure.restart}`, failure);
    }
    const waiting = pod.status.containerStatuses[0]?.state.waiting;
    const hopeless = waiting && notCreated(pod, waiting);
    if (hopeless !== undefined) {
      const failure = {
        ...hopeless,
        atMs: latestOf(view, pod.metadata.creationTimestamp) ?? 0,
      };
      this.#remember(group, `${pod.metadata.uid} waiting`, failure);
    }
  }

  /** That its container ended is part of the same failure. */
  #noteGivenUp(view: View, pod: FoundPod): void {
    const { metadata, status } = pod;
    const [container] = status.containerStatuses;
    const restart = container?.restartCount ?? 0;
    const atMs =
      latestOf(view, container?.state.terminated?.finishedAt) ??
      latestOf(view, conditionOf(status.conditions, "Ready")?.lastTransitionTime) ??
      latestOf(view, metadata.creationTimestamp) ??
      0;
    this.#remember(groupKey(serviceKeyOf(pod), releaseOf(pod)), `${metadata.uid} ${restart}`, {
      ...{ id: metadata.name, release: releaseOf(pod), restart, atMs, probes: [] },
      kind: container?.state.terminated === undefined ? "not-created" : "exited",
      logTail: linesOf(container?.state.terminated?.message ?? ""),
      reason: `was given up by its node: ${[status.reason, status.message].filter(Boolean).join(": ")}`,
    });
  }

  /** A quota, or a policy of the cluster, refuses its pods: the condition is the only trace of it. */
  #noteReplicaSet(view: View, set: FoundReplicaSet): void {
    const refused = conditionOf(set.status.conditions, "ReplicaFailure");
    if (refused?.status !== "True" || refused.reason !== "FailedCreate") return;
    const atMs = latestOf(view, refused.lastTransitionTime) ?? 0;
    const isQuota = /exceeded quota/.test(refused.message);
    this.#remember(
      groupKey(serviceKeyOf(set), releaseOf(set)),
      `${set.metadata.uid} refused ${refused.lastTransitionTime}`,
      {
        ...{
          id: set.metadata.name,
          release: releaseOf(set),
          atMs,
          kind: "not-created",
          probes: [],
          logTail: [],
        },
        reason: `was refused by the cluster: ${refused.message}`,
        ...(isQuota ? {} : { permanent: true }),
      },
    );
  }

  #noteEarlier(group: string, { metadata }: FoundPod, restart: number): void {
    const { known, earlier } = this.#group(group);
    const seen = Array.from({ length: restart }, (_, n) => known.has(`${metadata.uid} ${n}`)).filter(
      Boolean,
    ).length;
    if (restart > seen) earlier.set(metadata.uid, restart - seen);
  }

  #remember(group: string, which: string, failure: ServerFailure): void {
    const { failures, known } = this.#group(group);
    if (known.has(which)) return;
    known.add(which);
    failures.push(failure);
    failures.splice(0, failures.length - keptFailures);
  }

  #group(name: string): GroupFailures {
    const group = this.#groups.get(name) ?? { failures: [], known: new Set(), earlier: new Map() };
    this.#groups.set(name, group);
    return group;
  }
}

/** The cluster leaves fractions of a second out. A failure must not seem to be from before the rollout that it came with. */
function latestOf(view: View, text: string | null | undefined): number | undefined {
  const ms = momentOf(view, text);
  return ms === undefined ? undefined : Math.min(ms + 999, Math.max(ms, view.nowMs));
}

function groupKey(service: ServiceKey | undefined, release: number): string {
  return `${service ?? ""} ${release}`;
}

type Ended = NonNullable<FoundPod["status"]["containerStatuses"][number]["state"]["terminated"]>;

export function lastEnd({ status }: FoundPod): Ended | undefined {
  const container = status.containerStatuses[0];
  return container?.state.terminated ?? container?.lastState.terminated;
}

function endOf(pod: FoundPod, ended: Ended): Omit<ServerFailure, "atMs"> {
  const container = pod.status.containerStatuses[0];
  const restarts = container?.restartCount ?? 0;
  // The count is of starts after the first one: while it runs, the last end was that of the start before.
  const restart = container?.state.running === undefined ? restarts : Math.max(0, restarts - 1);
  const base = {
    id: pod.metadata.name,
    release: releaseOf(pod),
    restart,
    probes: [],
    logTail: linesOf(ended.message),
  };
  if (ended.reason === "ContainerCannotRun" || ended.reason === "StartError")
    return {
      ...base,
      logTail: [],
      kind: "not-created",
      reason: `could not be started: ${ended.message.trim()}`,
      permanent: true,
    };
  return { ...base, kind: "exited", reason: reasonOf(ended) };
}

export function reasonOf({ exitCode, reason, startedAt, finishedAt }: Ended): string {
  if (reason === "OOMKilled") return "needed more memory than it may have, and was killed (`servers.memory`)";
  const lastedMs = Date.parse(finishedAt ?? "") - Date.parse(startedAt ?? "");
  const after = Number.isNaN(lastedMs) ? "" : ` after ${lastedMs / 1000} s`;
  return exitCode > 128
    ? `was ended by signal ${exitCode - 128}${after}`
    : `exited with code ${exitCode}${after}`;
}

function linesOf(message: string): readonly string[] {
  return message.split("\n").filter(Boolean).slice(-keptLines);
}

/** Undefined for what comes by waiting. No other server fares better with an image or a configuration that the cluster cannot use. */
export function notCreated(
  pod: FoundPod,
  { reason, message }: { reason: string; message: string },
): Omit<ServerFailure, "atMs"> | undefined {
  if (!hopelessReasons.has(reason)) return undefined;
  const isPull = /Image/.test(reason);
  const words = message === "" ? reason : message;
  return {
    ...{ id: pod.metadata.name, release: releaseOf(pod), kind: "not-created", probes: [], logTail: [] },
    reason: isPull ? `has no image: ${words}` : `could not be started: ${words}`,
    ...(!isPull || /not found|unauthorized|denied|forbidden|invalid/i.test(words) ? { permanent: true } : {}),
  };
}
