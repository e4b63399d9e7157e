import { createHash } from "node:crypto";
import type { ServerId } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { JobOrder } from "../../contract/jobs.ts";
import { groupName, key } from "../objects/names.ts";
import { type OneOffInput, oneOffPod, type PodInput } from "../objects/pod.ts";

/** A pod that no ReplicaSet makes, and that is not started again: a job, or a copy of a server. */
export interface OneOff {
  readonly name: string;
  readonly release: Release;
  /** Absent: the image's own. */
  readonly command?: readonly string[];
  /** After which the cluster ends it, also when no controller does. Absent: never. */
  readonly deadlineMs?: number;
  /** Says what it is, for the next look. */
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The controller ends a job at its deadline; the cluster does when there has been none for so long. */
const patienceMs = 60_000;

/** The run of a job has one name, so that no cluster starts it twice. */
export function jobPod({ release, rollout, run, job }: JobOrder): OneOff {
  const which = run === undefined ? `r${rollout}` : `run${run}`;
  return {
    ...{ release, command: job.command, deadlineMs: job.deadlineMs + patienceMs },
    name: podName(`${groupName(release.service, release.number)}-${which}`, job.name),
    labels: { [key.oneOff]: "job" },
    annotations: {
      ...{ [key.job]: job.name, [key.rollout]: String(rollout) },
      ...(run === undefined ? {} : { [key.run]: String(run) }),
    },
  };
}

/** A server has at most one. */
export function copyPod(server: ServerId, release: Release): OneOff {
  return {
    ...{ name: podName(server, "copy"), release },
    ...{ labels: { [key.oneOff]: "copy" }, annotations: { [key.reproduces]: server } },
  };
}

/** Names of pods are host names as well: 63 letters, RFC 1123. */
function podName(start: string, end: string): string {
  const plain = `${start}-${end.toLowerCase()}`;
  if (plain.length <= 63 && /^[a-z0-9-]*[a-z0-9]$/.test(plain) && end === end.toLowerCase()) return plain;
  const digest = createHash("sha256").update(end).digest("hex").slice(0, 8);
  const readable = end.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `${`${start}-${readable}`.slice(0, 54).replace(/-+$/, "")}-${digest}`;
}

/** The pod as the cluster is given it: without content that it waits for, which comes next. */
export function podOf({ name, command, deadlineMs, labels, annotations }: OneOff, input: PodInput): object {
  const { image, release } = input;
  const hasContent = release.files.length > 0 || release.secrets.length > 0;
  const own: OneOffInput = {
    ...{ name, labels, command: command ?? image.argv, deadlineMs },
    annotations: { ...annotations, ...(hasContent ? { [key.content]: "pending" } : {}) },
  };
  return oneOffPod(input, own);
}
