import { expect } from "vitest";
import type { ServerId } from "../../../domain/ids.ts";
import type { GroupObservation, JobObservation, ServerObservation } from "../../../domain/observation.ts";
import type { Shares } from "../../../domain/rollout/actions.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { JobOrder } from "../../contract/jobs.ts";
import type { LogReader } from "../../contract/reading.ts";
import { call, eventually } from "../subject.ts";
import type { PlatformSubject } from "./subject.ts";

/** What the tests say to a platform, with the waiting in between. */
export class Conversation {
  readonly #subject: PlatformSubject;
  /** While it waits, it sends requests and counts those that are lost. */
  asking = false;
  lost = 0;

  constructor(subject: PlatformSubject) {
    this.#subject = subject;
  }

  async group(release: number): Promise<GroupObservation | undefined> {
    if (this.asking) await this.ask(1);
    const { groups } = await this.#subject.platform.observe(call);
    return groups.find((g) => g.service === this.#subject.service && g.release === release);
  }

  async runJob(order: JobOrder): Promise<string> {
    await this.#subject.platform.jobs?.run(order, call);
    const { release, rollout, job } = order;
    const found = (await this.#jobs()).find(
      (j) => j.release === release.number && j.rollout === rollout && j.name === job.name,
    );
    return found?.id ?? `no job ${job.name}`;
  }

  async #jobs(): Promise<readonly JobObservation[]> {
    const { jobs = [] } = await this.#subject.platform.observe(call);
    return jobs.filter(({ service }) => service === this.#subject.service);
  }

  async job(id: string): Promise<JobObservation | undefined> {
    return (await this.#jobs()).find((job) => job.id === id);
  }

  jobEnded(id: string): Promise<JobObservation> {
    return eventually(this.#subject, `the end of ${id}`, async () => {
      const job = await this.job(id);
      return job?.end !== undefined && job;
    });
  }

  async servers(release: number): Promise<readonly ServerObservation[]> {
    const servers = (await this.group(release))?.servers ?? [];
    return servers.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async ids(release: number): Promise<readonly ServerId[]> {
    return (await this.servers(release)).map((s) => s.id);
  }

  resize(release: number | Release, size: number): Promise<void> {
    const spec = typeof release === "number" ? this.#subject.release(release) : release;
    return this.#subject.platform.resize({ release: spec, drainMs: 2000 }, size, call);
  }

  /** Resolves with the ids of the servers when the group has exactly so many, all of them ready. */
  async raise(release: number, size: number): Promise<readonly ServerId[]> {
    await this.resize(release, size);
    return this.settled(release, size);
  }

  settled(release: number, size: number): Promise<readonly ServerId[]> {
    return eventually(this.#subject, `${size} ready servers of release ${release}`, async () => {
      const servers = await this.servers(release);
      return servers.length === size && servers.every((s) => s.state === "ready") && servers.map((s) => s.id);
    });
  }

  async serve(release: number, size: number): Promise<readonly ServerId[]> {
    const ids = await this.raise(release, size);
    await this.route([[release, 1]]);
    return ids;
  }

  async route(pairs: readonly (readonly [number, number])[]): Promise<void> {
    const shares: Shares = pairs.map(([release, share]) => ({ release, share }));
    const releases = shares.map((s) => this.#subject.release(s.release));
    await this.#subject.platform.route(this.#subject.service, shares, releases, call);
  }

  async preview(release: number | undefined): Promise<void> {
    const { platform, service } = this.#subject;
    const shown = release === undefined ? undefined : this.#subject.release(release);
    await platform.preview?.(service, shown, call);
  }

  /** Where requests for the service go, its preview apart. */
  async addresses(): Promise<readonly string[]> {
    const { platform, service } = this.#subject;
    const { addresses = [] } = await platform.observe(call);
    return addresses.filter((a) => a.service === service && !a.preview).map(({ url }) => url);
  }

  /** The release that the preview reaches, as the platform reports and as a request finds out. */
  async previewed(): Promise<number | undefined> {
    const { platform, requestPreview, service } = this.#subject;
    const { groups } = await platform.observe(call);
    const told = groups.find((g) => g.service === service && g.previewed)?.release;
    if (requestPreview !== undefined) expect(await requestPreview()).toBe(told);
    return told;
  }

  async absent(release: number, server: ServerId): Promise<void> {
    await eventually(
      this.#subject,
      `the end of ${server}`,
      async () => !(await this.ids(release)).includes(server),
    );
  }

  async gone(release: number): Promise<void> {
    await eventually(
      this.#subject,
      `release ${release} to be gone`,
      async () => (await this.servers(release)).length === 0,
    );
  }

  /** Without remains as well: nothing of it can come to sight any more. */
  async whollyGone(release: number): Promise<void> {
    await eventually(this.#subject, `all of release ${release} to be gone`, async () => {
      const { servers = [], remains = [] } = (await this.group(release)) ?? {};
      return servers.length === 0 && remains.length === 0;
    });
  }

  /** Which releases answer so many requests. Without a way to ask, it is what the platform says has traffic. */
  async ask(times: number): Promise<ReadonlySet<number>> {
    const { request, platform, service } = this.#subject;
    if (request === undefined) {
      const { groups } = await platform.observe(call);
      return new Set(groups.filter((g) => g.service === service && g.share > 0).map((g) => g.release));
    }
    const answers = new Set<number>();
    for (let i = 0; i < times; i++) {
      const release = await request();
      if (release === undefined) this.lost++;
      else answers.add(release);
    }
    return answers;
  }
}

export async function linesOf(logs: LogReader, server: ServerId): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text } of logs.read(server, {}, call.signal)) texts.push(text);
  return texts;
}
