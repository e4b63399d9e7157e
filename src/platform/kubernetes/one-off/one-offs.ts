import type { JobId, ReproductionId, ServerId } from "../../../domain/ids.ts";
import type { JobObservation, Observation } from "../../../domain/observation.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import { clauseOf, KilnError } from "../../../lib/errors.ts";
import type { Call } from "../../contract/call.ts";
import type { JobOrder, JobRunner } from "../../contract/jobs.ts";
import { openContent } from "../../linux/placed-content.ts";
import type { KubernetesContext } from "../context.ts";
import { logReader } from "../logs.ts";
import { key } from "../objects/names.ts";
import { contentObjects } from "../objects/objects.ts";
import { podInputOf } from "../pod-input.ts";
import { publishImage } from "../target/publish.ts";
import type { FoundPod } from "../view/answers.ts";
import { isDeleted, isGivenUp, type View } from "../view/view.ts";
import { hopelessIn, isJob, isOver, jobOf, jobsIn, reproductionsIn } from "./observed.ts";
import { copyPod, jobPod, type OneOff, podOf } from "./one-off.ts";

const tailLines = 20;
const tailMs = 5_000;
const lookAgainMs = 200;

/**
 * Pods that no ReplicaSet makes: jobs and copies of servers. A name is used once, and the cluster starts none of them again, so that what is asked
 * for twice runs once. A job that has ended stays, with its logs, until it is forgotten.
 */
export class OneOffs implements JobRunner {
  readonly #host: KubernetesContext;
  /** Last lines of those that have ended, by uid. */
  readonly #tails = new Map<string, readonly string[]>();
  /** Jobs of which the cluster has nothing, because they could not be made or were ended before they began. */
  readonly #unmade = new Map<JobId, JobObservation>();

  constructor(host: KubernetesContext) {
    this.#host = host;
  }

  async run(order: JobOrder, call: Call): Promise<void> {
    const oneOff = jobPod(order);
    if (this.#unmade.has(oneOff.name)) return;
    let pod: FoundPod;
    try {
      pod = await this.#made(oneOff, call);
    } catch (error) {
      // A line that broke may have made it: the next look tells.
      if (call.signal.aborted || (error instanceof KilnError && error.code === "target_unreachable"))
        throw error;
      this.#noteUnmade(oneOff.name, order, `could not be started: ${clauseOf(error)}`);
      return;
    }
    await this.#place(order.release, pod, call);
  }

  async reproduce(server: ServerId, release: Release, call: Call): Promise<ReproductionId> {
    const oneOff = copyPod(server, release);
    await this.#place(release, await this.#made(oneOff, call), call);
    return oneOff.name;
  }

  /** The cluster stops it as it stops one that is past its deadline: the pod stays, with its logs. */
  async end(job: JobId, call: Call): Promise<void> {
    const { cluster } = this.#host;
    const pod = await cluster.pod(job, call);
    if (pod === undefined || isGivenUp(pod) || isDeleted(pod) || pod.metadata.annotations[key.stoppedAt])
      return;
    await this.#stop(pod, undefined, call);
  }

  /** Until it is gone. */
  async forget(id: JobId, call: Call): Promise<void> {
    const { cluster, clock } = this.#host;
    this.#unmade.delete(id);
    for (;;) {
      const pod = await cluster.pod(id, call);
      if (pod === undefined) return;
      // Nothing of one that has ended is left to wait for.
      const over = isOver(this.#now(), pod);
      if (over || !isDeleted(pod))
        await cluster.remove("pods", pod.metadata, call, { graceSeconds: over ? 0 : 1 });
      await clock.sleep(lookAgainMs, call.signal);
    }
  }

  /** Those that the cluster cannot start are given up. */
  async tend(view: View, call: Call): Promise<void> {
    for (const pod of view.oneOffs) {
      const why = hopelessIn(pod);
      if (why !== undefined && pod.metadata.annotations[key.stoppedAt] === undefined)
        await this.#stop(pod, why, call);
    }
  }

  /** The end of one counts once its last words are read. */
  async observed(view: View, call: Call): Promise<Required<Pick<Observation, "jobs" | "reproductions">>> {
    const there = new Set(view.oneOffs.map(({ metadata }) => metadata.uid));
    for (const uid of this.#tails.keys()) if (!there.has(uid)) this.#tails.delete(uid);
    const ended = view.oneOffs.filter(
      (pod) => isJob(pod) && isOver(view, pod) && !this.#tails.has(pod.metadata.uid),
    );
    await Promise.all(
      ended.map(async (pod) => this.#tails.set(pod.metadata.uid, await this.#lastLines(pod, call))),
    );
    const jobs = jobsIn(view, this.#tails);
    const unmade = [...this.#unmade.values()].filter(({ id }) => !jobs.some((job) => job.id === id));
    return { jobs: [...jobs, ...unmade], reproductions: reproductionsIn(view) };
  }

  async #made(oneOff: OneOff, call: Call): Promise<FoundPod> {
    return (await this.#host.cluster.pod(oneOff.name, call)) ?? (await this.#create(oneOff, call));
  }

  async #create(oneOff: OneOff, call: Call): Promise<FoundPod> {
    const { release } = oneOff;
    await openContent(this.#host, release); // what is missing is known before there is a pod
    await publishImage(this.#host, release, call);
    const input = await podInputOf(this.#host, release, call);
    return this.#host.cluster.createPod(podOf(oneOff, input), call);
  }

  /** What its files and secrets are in belongs to the pod, and goes with it; until it is there the pod waits. */
  async #place(release: Release, pod: FoundPod, call: Call): Promise<void> {
    if (pod.metadata.annotations[key.content] !== "pending") return;
    const { cluster } = this.#host;
    const owner = { apiVersion: "v1", kind: "Pod", ...pod.metadata } as const;
    const content = await openContent(this.#host, release);
    const { configMap, secret } = contentObjects(cluster.owner, release, content, owner);
    if (configMap) await cluster.apply("configmaps", configMap, call);
    if (secret) await cluster.apply("secrets", secret, call);
    await cluster.mark("pods", pod, { metadata: { annotations: { [key.content]: null } } }, call);
  }

  #now(): Pick<View, "nowMs" | "clockAheadMs"> {
    const { clock, cluster } = this.#host;
    return { nowMs: clock.now(), clockAheadMs: cluster.api.clockAheadMs };
  }

  async #stop(pod: FoundPod, why: string | undefined, call: Call): Promise<void> {
    const { cluster } = this.#host;
    const { nowMs, clockAheadMs } = this.#now();
    const stoppedAt = new Date(nowMs + clockAheadMs).toISOString();
    const annotations = { [key.stoppedAt]: stoppedAt, ...(why === undefined ? {} : { [key.reason]: why }) };
    if (pod.spec.nodeName !== undefined) {
      await cluster.mark(
        "pods",
        pod,
        { metadata: { annotations }, spec: { activeDeadlineSeconds: 1 } },
        call,
      );
      return;
    }
    // No node has it: nothing would end it there, and it has no logs. One that has got a node since stays for the next try.
    await cluster.remove("pods", pod.metadata, call, { unchanged: true });
    const job = jobOf(pod);
    if (job !== undefined && (await cluster.pod(pod.metadata.name, call)) === undefined)
      this.#unmade.set(job.id, this.#failed(job, why ?? "was stopped before it began"));
  }

  async #lastLines(pod: FoundPod, call: Call): Promise<readonly string[]> {
    const signal = AbortSignal.any([call.signal, AbortSignal.timeout(tailMs)]);
    const lines: string[] = [];
    try {
      const reader = logReader(this.#host.cluster).read(pod.metadata.name, { tail: tailLines }, signal);
      for await (const { text } of reader) lines.push(text);
    } catch {
      call.signal.throwIfAborted();
      // The node does not answer: what the pod's status has of it.
      const message = pod.status.containerStatuses[0]?.state.terminated?.message ?? "";
      return message.split("\n").filter(Boolean).slice(-tailLines);
    }
    return lines;
  }

  #noteUnmade(id: JobId, { release, rollout, run, job }: JobOrder, why: string): void {
    const { service, number } = release;
    const base = {
      id,
      service,
      release: number,
      rollout,
      name: job.name,
      state: "creating",
      end: undefined,
    } as const;
    this.#unmade.set(id, this.#failed({ ...base, ...(run === undefined ? {} : { run }) }, why));
  }

  #failed(job: Omit<JobObservation, "state" | "end">, reason: string): JobObservation {
    const end = { atMs: this.#host.clock.now(), exitCode: undefined, reason, logTail: [] };
    return { ...job, state: "failed", end };
  }
}
