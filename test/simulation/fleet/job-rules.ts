import type { JobId, ServiceKey } from "../../../src/domain/ids.ts";
import { parseJobId } from "../../../src/platform/fleet/server-id.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { FleetKnowledge } from "./fleet-knowledge.ts";

/** Until a job that is unwanted has gone: a look, the loop's longest pause, its own end. */
const endingMs = 40_000;

/** What jobs may do, and when. */
export class JobRules {
  readonly #k: FleetKnowledge;
  readonly #verdict: Verdict;
  /** Since when a running job has been unwanted. */
  readonly #unwantedMs = new Map<JobId, number>();

  constructor(knowledge: FleetKnowledge, verdict: Verdict) {
    this.#k = knowledge;
    this.#verdict = verdict;
  }

  /** Nothing of a release is made in a deploy before its jobs have really succeeded. */
  onResize(service: ServiceKey, release: number, size: number): void {
    const desired = this.#k.desired.get(service);
    const rollout = desired?.rollout;
    if (size === 0 || rollout?.to !== release || rollout.kind !== "deploy" || rollout.phase === "back")
      return;
    const jobs = desired?.releases.get(release)?.jobs.filter((job) => job.when === "before") ?? [];
    for (const { name } of jobs) {
      this.#verdict.expect(
        this.#k.machine.hasSucceeded({ service, release, rollout: rollout.id, name }),
        "before-jobs-first",
        () => `release ${release} of ${service} gets servers, and job ${name} has not succeeded`,
      );
    }
  }

  /** The host is asked to start one. */
  onRun(id: JobId): void {
    const service = parseJobId(id)?.service ?? "";
    const others = this.#k.machine.runningJobs(service).filter((other) => other !== id);
    if (this.#k.isTampered(service)) return;
    this.#verdict.expect(
      others.length === 0,
      "one-job-at-a-time",
      () => `${id} begins beside ${others.join(", ")}`,
    );
  }

  /** After every effect. */
  checkOnce(): void {
    for (const [id, times] of this.#k.machine.starts) {
      this.#verdict.expect(
        times < 2 || parseJobId(id) === undefined,
        "jobs-run-once",
        () => `${id} has been started ${times} times`,
      );
    }
  }

  /** No job outlives its rollout or its deadline. */
  step(service: ServiceKey): void {
    const rollout = this.#k.desired.get(service)?.rollout;
    for (const id of this.#k.machine.runningJobs(service)) {
      const name = parseJobId(id);
      const run = rollout?.jobs.find((job) => job.name === name?.name);
      const isOwn = name?.rollout === rollout?.id && rollout?.phase !== "back" && run?.end === undefined;
      const wantedMs = isOwn && run !== undefined ? run.deadlineMs : 0;
      this.#mustEnd(id, wantedMs, isOwn);
    }
  }

  #mustEnd(id: JobId, wantedMs: number, isOwn: boolean): void {
    const key = `${id} ${isOwn}`;
    const now = this.#k.now();
    const since = this.#unwantedMs.get(key) ?? now;
    this.#unwantedMs.set(key, since);
    if (!this.#k.isUndisturbed(endingMs)) return;
    this.#verdict.expect(
      now - since <= wantedMs + endingMs,
      "jobs-end",
      () => `${id} still runs ${now - since} ms after ${isOwn ? "its start" : "its rollout was over"}`,
    );
  }
}
