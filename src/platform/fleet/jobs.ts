import type { ImageDigest, JobId, ReproductionId, ServerId, ServiceKey } from "../../domain/ids.ts";
import type { JobExit, JobObservation, ReproductionObservation } from "../../domain/observation.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { clauseOf } from "../../lib/errors.ts";
import { endingBy } from "../../lib/time/ending-by.ts";
import type { Call } from "../contract/call.ts";
import type { JobOrder, JobRunner } from "../contract/jobs.ts";
import type { Background } from "./background.ts";
import { exitWords, refusalWords } from "./health/failure.ts";
import { lastLines } from "./health/log-tail.ts";
import type { Host, HostServer } from "./host.ts";
import type { Memory } from "./memory.ts";
import { jobId, parseJobId, parseReproductionId, reproductionId } from "./server-id.ts";

const createTimeoutMs = 60_000;
const listTimeoutMs = 10_000;
const stopGraceMs = 10_000;
const stopTimeoutMs = 30_000;

export interface JobsOptions {
  readonly host: Host;
  readonly runJob: NonNullable<Host["runJob"]>;
  readonly memory: Memory;
  readonly background: Background;
  readonly requireStartable: ((image: ImageDigest) => void) | undefined;
  readonly onChange: (service: ServiceKey) => void;
}

/** A job as the fleet knows it, or a reproduction: that is one whose command is the image's. */
interface Job {
  readonly id: JobId | ReproductionId;
  readonly service: ServiceKey;
  /** `ending`: its process has ended, and its last words are being read. */
  state: JobObservation["state"] | "ending";
  startedAtMs: number;
  address: string | undefined;
  end: JobExit | undefined;
  /** False for one that could not be started: the host does not know it. */
  onHost: boolean;
  /** The memory's version when it last changed. */
  version: number;
  /** Ends its creation. */
  readonly wanted: AbortController;
  creation: Promise<void> | undefined;
  /** It is being ended; asked again afterwards, it is tried again. */
  ending: boolean;
}

/** The one-off servers of a host, jobs and reproductions: how they come to life, and what has become of them. */
export class Jobs implements JobRunner {
  readonly #o: JobsOptions;
  readonly #jobs = new Map<JobId, Job>();

  constructor(options: JobsOptions) {
    this.#o = options;
  }

  observed(): readonly JobObservation[] {
    return [...this.#jobs.values()].flatMap(({ id, state, end }) => {
      const name = parseJobId(id);
      return name ? [{ id, ...name, state: state === "ending" ? "running" : state, end }] : [];
    });
  }

  reproductions(): readonly ReproductionObservation[] {
    return [...this.#jobs.values()].flatMap(({ id, service, state, startedAtMs, address, end }) => {
      const name = parseReproductionId(id);
      const isThere = state === "unstarted" || state === "creating" || state === "running";
      return name === undefined
        ? []
        : [
            {
              ...{ id, reproduces: name.server, service, release: name.release, address },
              ...{
                state: isThere ? state : ("ended" as const),
                createdAtMs: startedAtMs,
                reason: end?.reason,
              },
            },
          ];
    });
  }

  async run({ release, rollout, run, job }: JobOrder, _call: Call): Promise<void> {
    const { service, number } = release;
    const id = jobId({ service, release: number, rollout, run, name: job.name });
    this.#begin(id, service, async (call) => {
      this.#o.requireStartable?.(release.image);
      return this.#o.runJob({ id, release, command: job.command }, call);
    });
  }

  async reproduce(server: ServerId, release: Release): Promise<ReproductionId> {
    const id = reproductionId(server);
    this.#begin(id, release.service, (call) => this.#o.host.create({ id, release }, call));
    return id;
  }

  #begin(id: Job["id"], service: ServiceKey, create: (call: Call) => Promise<HostServer>): void {
    const known = this.#jobs.get(id);
    if (known !== undefined && known.state !== "unstarted") return;
    const entry = known ?? this.#add(id, service);
    this.#move(entry, "creating");
    entry.creation = this.#o.background.run(`Running ${entry.id}`, async () => {
      const { background } = this.#o;
      const signal = AbortSignal.any([entry.wanted.signal, background.signal]);
      try {
        this.#take(entry, await create(background.call(createTimeoutMs, signal)));
      } catch (error) {
        if (!background.signal.aborted) await this.#notCreated(entry, error);
      }
    });
  }

  async end(id: JobId, _call: Call): Promise<void> {
    const job = this.#jobs.get(id);
    if (job === undefined || job.end !== undefined || job.ending) return;
    job.ending = true;
    job.wanted.abort();
    void this.#o.background
      .run(`Ending ${id}`, async () => {
        await job.creation;
        if (!isOver(job)) await this.#stop(job);
        if (!isOver(job)) await this.#notCreated(job, undefined);
      })
      .finally(() => {
        job.ending = false;
      });
  }

  async forget(id: JobId, call: Call): Promise<void> {
    const job = this.#jobs.get(id);
    job?.wanted.abort();
    await endingBy(call.signal, job?.creation ?? Promise.resolve());
    await this.#o.host.destroy(id, call);
    this.#jobs.delete(id);
    this.#o.memory.noteGone(id);
  }

  /** Takes in what the host has listed, as of `version`. */
  learn(listed: readonly HostServer[], version: number): void {
    const found = new Map(listed.map((server) => [server.id, server]));
    for (const server of listed) this.#learnOne(server, version);
    for (const job of this.#jobs.values()) {
      if (found.has(job.id) || !job.onHost || job.state === "creating" || job.version > version) continue;
      this.#jobs.delete(job.id); // another program has removed it
      this.#o.onChange(job.service);
    }
  }

  #learnOne(server: HostServer, version: number): void {
    const name = parseJobId(server.id) ?? parseReproductionId(server.id);
    if (name === undefined) return;
    const known = this.#jobs.get(server.id);
    if (known === undefined) {
      if (!this.#o.memory.isGoneSince(server.id, version))
        this.#take(this.#add(server.id, name.service), server);
    } else if (known.state === "running" && known.version <= version) this.#take(known, server);
  }

  #add(id: Job["id"], service: ServiceKey): Job {
    const job: Job = {
      id,
      service,
      state: "unstarted",
      startedAtMs: this.#o.background.clock.now(),
      address: undefined,
      end: undefined,
      onHost: true,
      version: ++this.#o.memory.version,
      wanted: new AbortController(),
      creation: undefined,
      ending: false,
    };
    this.#jobs.set(job.id, job);
    return job;
  }

  /** What the host says of it. */
  #take(job: Job, { state, createdAtMs, address, user, exit }: HostServer): void {
    job.startedAtMs = createdAtMs;
    job.address = address;
    if (state === "creating") this.#move(job, "unstarted");
    else if (state === "running" && job.state !== "running") this.#move(job, "running");
    else if (state === "exited") this.#bury(job, exit, user);
  }

  /** Its end counts once its last words are read; what it used is freed. */
  #bury(job: Job, exit: HostServer["exit"], user: HostServer["user"]): void {
    this.#move(job, "ending");
    void this.#o.background.run(`Burying ${job.id}`, async () => {
      const { host, background } = this.#o;
      const logTail = await lastLines(host, background, job.id);
      const atMs = exit?.atMs ?? background.clock.now();
      const refusal = exit?.code === 0 ? "" : refusalWords(logTail, user);
      const reason = exitWords(exit, job.startedAtMs) + refusal;
      this.#close(job, { atMs, exitCode: exit?.code, reason, logTail });
      await this.#stop(job);
    });
  }

  #close(job: Job, end: JobExit): void {
    job.end = end;
    this.#move(job, end.exitCode === 0 ? "succeeded" : "failed");
  }

  /** An answer may have been lost on its way: what is there shows whether it has begun. */
  async #notCreated(job: Job, error: unknown): Promise<void> {
    if (await this.#look(job)) return;
    const { host, background } = this.#o;
    const reason = job.wanted.signal.aborted
      ? "was stopped before it began"
      : `could not be started: ${clauseOf(error)}`;
    await background.persist(job.service, `Removing ${job.id}`, () =>
      host.destroy(job.id, background.call(stopTimeoutMs)),
    );
    job.onHost = false;
    this.#close(job, { atMs: background.clock.now(), exitCode: undefined, reason, logTail: [] });
  }

  /** Asks the host about it; true when its process runs or has run. */
  async #look(job: Job): Promise<boolean> {
    const { host, background } = this.#o;
    let found: HostServer | undefined;
    await background.persist(job.service, `Looking after ${job.id}`, async () => {
      found = (await host.list(background.call(listTimeoutMs))).find(({ id }) => id === job.id);
    });
    if (found === undefined || found.state === "creating") return false;
    if (!isOver(job)) this.#take(job, found);
    return true;
  }

  async #stop(job: Job): Promise<void> {
    const { host, background } = this.#o;
    await background.persist(job.service, `Stopping ${job.id}`, async () => {
      if (this.#jobs.get(job.id) === job) {
        await host.stop(job.id, stopGraceMs, background.call(stopTimeoutMs));
      }
    });
  }

  #move(job: Job, state: Job["state"]): void {
    job.state = state;
    job.version = ++this.#o.memory.version;
    this.#o.onChange(job.service);
  }
}

function isOver({ state, end }: Job): boolean {
  return state === "ending" || end !== undefined;
}
