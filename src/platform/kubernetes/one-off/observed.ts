import type { JobExit, JobObservation, ReproductionObservation } from "../../../domain/observation.ts";
import { key } from "../objects/names.ts";
import type { FoundPod } from "../view/answers.ts";
import { lastEnd, notCreated, reasonOf } from "../view/failures.ts";
import {
  conditionOf,
  isDeleted,
  isGivenUp,
  momentOf,
  releaseOf,
  serviceKeyOf,
  type View,
} from "../view/view.ts";

/** The lines that a pod wrote last, by its uid. */
export type Tails = ReadonlyMap<string, readonly string[]>;

export function isJob({ metadata }: FoundPod): boolean {
  return metadata.labels[key.oneOff] === "job";
}

/** What the node does about a deadline takes so much longer than the time that a server has to end. */
const slackMs = 5_000;

/**
 * It has ended, or never begins: nothing of it runs any more. A kubelet of 1.20 that ends a pod at its deadline says so first, and never that its
 * container has ended: what it is given for that is waited for.
 */
export function isOver(view: Pick<View, "nowMs" | "clockAheadMs">, pod: FoundPod): boolean {
  if (!isGivenUp(pod)) return false;
  const isRunning = pod.status.containerStatuses.some(({ state }) => state.running);
  const ending = (stoppedMs(view, pod) ?? 0) + pod.spec.terminationGracePeriodSeconds * 1000 + slackMs;
  return !isRunning || view.nowMs >= ending;
}

function stoppedMs(
  view: Pick<View, "clockAheadMs">,
  { metadata, spec, status }: FoundPod,
): number | undefined {
  const asked = momentOf(view, metadata.annotations[key.stoppedAt]);
  const started = momentOf(view, status.startTime);
  if (asked !== undefined || started === undefined) return asked;
  return started + (spec.activeDeadlineSeconds ?? 0) * 1000;
}

/** Which job of what a pod is; undefined for a copy of a server. */
export function jobOf(pod: FoundPod): Omit<JobObservation, "state" | "end"> | undefined {
  const service = serviceKeyOf(pod);
  if (service === undefined || !isJob(pod)) return undefined;
  const { annotations, name: id } = pod.metadata;
  const run = annotations[key.run];
  return {
    ...{ id, service, release: releaseOf(pod), name: annotations[key.job] ?? "" },
    ...{ rollout: Number(annotations[key.rollout]), ...(run === undefined ? {} : { run: Number(run) }) },
  };
}

/** Pure. */
export function jobsIn(view: View, tails: Tails): readonly JobObservation[] {
  return view.oneOffs.flatMap((pod) => {
    const job = jobOf(pod);
    if (job === undefined) return [];
    const end = isOver(view, pod) ? endOf(view, pod, tails) : undefined;
    return {
      ...{ ...job, end },
      state: end === undefined ? stateOf(pod) : end.exitCode === 0 ? "succeeded" : "failed",
    };
  });
}

/** Pure. One that is being deleted is as good as gone. */
export function reproductionsIn(view: View): readonly ReproductionObservation[] {
  return view.oneOffs.flatMap((pod) => {
    const service = serviceKeyOf(pod);
    if (service === undefined || isJob(pod) || isDeleted(pod)) return [];
    const { annotations, name: id, creationTimestamp } = pod.metadata;
    const over = isOver(view, pod);
    return {
      ...{ id, service, release: releaseOf(pod), reproduces: annotations[key.reproduces] ?? "" },
      ...{ state: over ? "ended" : stateOf(pod), createdAtMs: momentOf(view, creationTimestamp) ?? 0 },
      ...{ address: pod.status.podIP, reason: over ? endOf(view, pod, new Map()).reason : undefined },
    };
  });
}

function stateOf({ metadata, status }: FoundPod): "unstarted" | "creating" | "running" {
  const container = status.containerStatuses[0]?.state;
  if (container?.running !== undefined || container?.terminated !== undefined) return "running";
  return metadata.annotations[key.content] === "pending" ? "unstarted" : "creating";
}

function endOf(view: View, pod: FoundPod, tails: Tails): JobExit {
  const { metadata, status } = pod;
  const ended = lastEnd(pod);
  const moment =
    ended?.finishedAt ??
    conditionOf(status.conditions, "Ready")?.lastTransitionTime ??
    metadata.creationTimestamp;
  return {
    atMs: (ended ? undefined : stoppedMs(view, pod)) ?? momentOf(view, moment) ?? 0,
    exitCode: ended?.exitCode,
    reason: ended ? reasonOf(ended) : whyStopped(pod),
    logTail: tails.get(metadata.uid) ?? [],
  };
}

function whyStopped({ metadata, status }: FoundPod): string {
  const { annotations } = metadata;
  const words = [status.reason, status.message].filter(Boolean).join(": ");
  if (annotations[key.reason] !== undefined) return annotations[key.reason] ?? "";
  if (annotations[key.stoppedAt] === undefined) return `was given up by its node: ${words}`;
  return status.containerStatuses.some(({ state }) => state.running)
    ? "was stopped"
    : "was stopped before it began";
}

/** A node that has not heard of its ConfigMap or Secret yet says so too. */
const configError = "CreateContainerConfigError";

/** Why one that has not begun never will: the cluster cannot use its image, or its command. */
export function hopelessIn(pod: FoundPod): string | undefined {
  const waiting = pod.status.containerStatuses[0]?.state.waiting;
  if (isGivenUp(pod) || waiting === undefined || pod.metadata.annotations[key.content] === "pending")
    return undefined;
  const failure = notCreated(pod, waiting);
  return failure?.permanent && waiting.reason !== configError ? failure.reason : undefined;
}
