import { test as base, describe, expect } from "vitest";
import type { Shares } from "../../domain/actions.ts";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import type { GroupObservation, JobObservation, ServerObservation } from "../../domain/observation.ts";
import type { Release } from "../../domain/release.ts";
import { reachable } from "../../domain/split.ts";
import type { JobOrder, LogReader, Platform } from "../platform.ts";
import { type ConformanceSubject, call, eventually, taint } from "./subject.ts";

/** A platform with a service for the test. Optional members are tested when they are there. */
export interface PlatformSubject extends ConformanceSubject {
  readonly platform: Platform;
  readonly service: ServiceKey;
  /** Healthy servers that write the line `hello` when they start. */
  release(number: number): Release;
  /** Servers that write `last words` and exit with code 3. */
  exiting?(number: number): Release;
  /** Servers that run and never become healthy within a short deadline. */
  unhealthy?(number: number): Release;
  /**
   * A job of release 1 and rollout 7 that writes `begun`, and then ends well, exits with code 3, or runs until it is
   * stopped.
   */
  job?(kind: "fine" | "failing" | "endless"): JobOrder;
  /** One request through the service's way in: the release that answered it, or undefined when it was lost. */
  request?(): Promise<number | undefined>;
  /** The same through the preview port, which every `release` here has. */
  requestPreview?(): Promise<number | undefined>;
  /** A command that every server can run; needed where people are let in. */
  readonly command?: readonly string[];
  /** From now on there may be no more servers than there are. */
  exhaust?(): void | Promise<void>;
  /**
   * False where the data plane does not send a request elsewhere when a server refuses it: then the end of a server costs those that reach it
   * before the platform has noticed. Absent: it does.
   */
  readonly retries?: false;
  /** Ends a server's process from outside. */
  kill?(server: ServerId): Promise<void>;
  /** Ends the controller's half of the platform and starts a new one over the same servers. */
  restart?(): Promise<void>;
}

/**
 * Every promise of the Platform contract, as a test. `concurrent`: several at a time, each with a subject of its own, where they wait for their
 * platform more than they work.
 */
export function describePlatform(
  name: string,
  open: () => Promise<PlatformSubject>,
  { concurrent = false }: { readonly concurrent?: boolean } = {},
): void {
  const test = base.extend<{ readonly subject: PlatformSubject; readonly world: Conversation }>({
    subject: async ({ task: _ }, use) => {
      const subject = await open();
      try {
        await use(subject);
      } finally {
        await subject.cleanup();
      }
    },
    world: async ({ subject }, use) => use(new Conversation(subject)),
  });

  describe(`${name} keeps the platform contract`, { concurrent }, () => {
    test("it can be used", async ({ subject }) => {
      expect(await subject.platform.probe(call)).toMatchObject({ usable: true });
    });

    test("an unknown service has no groups and no way in", async ({ subject }) => {
      const { groups, routed } = await subject.platform.observe(call);
      expect(groups.filter((g) => g.service === subject.service)).toEqual([]);
      expect(routed).not.toContain(subject.service);
    });

    test("a cancelled observation throws rather than tell a part", async ({ subject }) => {
      await expect(subject.platform.observe({ ...call, signal: AbortSignal.abort() })).rejects.toThrow();
    });

    test("a group is raised: each server has an id and an address of its own", async ({ world }) => {
      await world.raise(1, 3);
      const group = await world.group(1);
      expect(group).toMatchObject({ size: 3, share: 0, failed: 0, failures: [] });
      expect(new Set(group?.servers.map((s) => s.id)).size).toBe(3);
      expect(new Set(group?.servers.map((s) => s.address)).size).toBe(3);
    });

    test("what was asked for is observed as soon as that is accepted", async ({ world }) => {
      await world.serve(1, 2);
      await world.resize(1, 3);
      expect(await world.group(1)).toMatchObject({ size: 3, share: 1 });
      await world.route([]);
      expect(await world.group(1)).toMatchObject({ size: 3, share: 0 });
      await world.settled(1, 3);
    });

    test("a service is reached at an address as long as it has a way in", async ({ world }) => {
      await world.serve(1, 1);
      expect(await world.addresses()).not.toEqual([]);
      await world.route([]);
      expect(await world.addresses()).toEqual([]);
    });

    test("servers that may not be are refused with a reason, and those that are there stay", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.exhaust === undefined) return skip("this subject has no quota");
      const before = await world.serve(1, 2);
      await subject.exhaust();
      await expect(world.resize(1, 3)).rejects.toMatchObject({
        code: "quota_exceeded",
        hint: expect.any(String),
      });
      await subject.pause(500);
      expect(await world.ids(1)).toEqual(before);
      expect(await world.group(1)).toMatchObject({ size: 2, share: 1 });
      await world.raise(1, 1);
    });

    test("asking again for the same changes nothing", async ({ subject, world }) => {
      const before = await world.raise(1, 2);
      await world.resize(1, 2);
      await subject.pause(200);
      expect(await world.ids(1)).toEqual(before);
    });

    test("scaling replaces nothing", async ({ world }) => {
      const two = await world.raise(1, 2);
      const three = await world.raise(1, 3);
      expect(three).toEqual(expect.arrayContaining([...two]));
      const one = await world.raise(1, 1);
      expect(three).toEqual(expect.arrayContaining([...one]));
    });

    test("a new size supersedes the one that is still on its way", async ({ world }) => {
      await world.resize(1, 5);
      await world.resize(1, 1);
      await world.settled(1, 1);
      await world.resize(1, 4);
      await world.resize(1, 0);
      await world.gone(1);
    });

    test("a removed group leaves nothing", async ({ subject, world }) => {
      await world.serve(1, 2);
      await world.route([]);
      await world.resize(1, 0);
      await world.gone(1);
      expect((await subject.platform.observe(call)).routed).not.toContain(subject.service);
    });

    test.for([0, 40, 60, 100])(
      "what is gone stays gone: a group that is removed %i ms after it was made",
      async (ms, { subject, world }) => {
        await world.resize(1, 2);
        await subject.pause(ms);
        await world.resize(1, 0);
        await world.whollyGone(1);
        for (let waitedMs = 0; waitedMs <= 200; waitedMs += 20) {
          expect((await world.group(1))?.servers ?? []).toEqual([]);
          await subject.pause(20);
        }
      },
    );

    test("to lower a group that is not there is no error", async ({ world }) => {
      await world.resize(7, 0);
      expect(await world.servers(7)).toEqual([]);
    });

    test("servers have no traffic before it is given to them, and all of it afterwards", async ({
      subject,
      world,
    }) => {
      await world.raise(1, 2);
      expect((await world.servers(1)).map((s) => s.inTraffic)).toEqual([false, false]);
      await world.route([[1, 1]]);
      const observed = await subject.platform.observe(call);
      expect(observed.routed).toContain(subject.service);
      expect((await world.group(1))?.share).toBeCloseTo(1, 2);
      expect((await world.servers(1)).map((s) => s.inTraffic)).toEqual([true, true]);
      expect(await world.ask(4)).toEqual(new Set([1]));
    });

    test("a switch is done when route resolves, and the old servers stay for the way back", async ({
      world,
    }) => {
      await world.serve(1, 2);
      await world.raise(2, 2);
      await world.route([[2, 1]]);
      expect(await world.ask(8)).toEqual(new Set([2]));
      expect((await world.servers(1)).map((s) => [s.state, s.inTraffic])).toEqual(
        Array(2).fill(["ready", false]),
      );
      await world.route([[1, 1]]);
      expect(await world.ask(8)).toEqual(new Set([1]));
      expect([(await world.group(1))?.share, (await world.group(2))?.share]).toEqual([1, 0]);
    });

    test("two releases share the traffic, as finely as the platform can", async ({ subject, world }) => {
      await world.raise(1, 2);
      await world.raise(2, 1);
      await world.route([
        [1, 0.6],
        [2, 0.4],
      ]);
      expect(await world.ask(40)).toEqual(new Set([1, 2]));
      const asked = [1, 2].map((release) => ({ release, share: release === 1 ? 0.6 : 0.4 }));
      const expected = reachable(asked, subject.platform.split, (release) => 3 - release);
      for (const { release, share } of expected)
        expect((await world.group(release))?.share).toBeCloseTo(share, 1);
    });

    test("no request is lost while servers come and go", async ({ world }) => {
      await world.serve(1, 3);
      world.asking = true;
      await world.raise(1, 1);
      await world.raise(2, 2);
      await world.route([[2, 1]]);
      await world.resize(1, 0);
      await world.gone(1);
      expect(world.lost).toBe(0);
    });

    test("a preview reaches one release while another has the traffic, and none when it is closed", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.platform.preview === undefined) return skip("this platform has no previews");
      await world.serve(1, 1);
      expect(await world.previewed()).toBeUndefined();
      await world.raise(2, 2);
      await world.preview(2);
      await world.preview(2);
      expect(await world.previewed()).toBe(2);
      expect([await world.ask(4), (await world.group(2))?.share]).toEqual([new Set([1]), 0]);
      expect((await world.servers(2)).map((s) => s.inTraffic)).toEqual([false, false]);
      await world.route([[2, 1]]);
      await world.preview(undefined);
      expect(await world.previewed()).toBeUndefined();
      expect(await world.ask(4)).toEqual(new Set([2]));
      expect((await subject.platform.observe(call)).routed).toEqual([subject.service]);
    });

    test("a preview loses its servers with its release, and its port with the way in", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.platform.preview === undefined) return skip("this platform has no previews");
      await world.serve(1, 1);
      await world.raise(2, 1);
      await world.preview(2);
      await world.resize(2, 0);
      await world.gone(2);
      if (subject.requestPreview !== undefined) expect(await subject.requestPreview()).toBeUndefined();
      await world.preview(undefined);
      await world.route([]);
      expect((await subject.platform.observe(call)).routed).not.toContain(subject.service);
    });

    test("closing the way in keeps the servers", async ({ subject, world }) => {
      const before = await world.serve(1, 1);
      await world.route([]);
      expect((await subject.platform.observe(call)).routed).not.toContain(subject.service);
      expect(await world.ids(1)).toEqual(before);
    });

    test("destroy removes a server; an unknown one is not an error", async ({ subject, world }) => {
      const [id = ""] = await world.serve(1, 1);
      await subject.platform.destroy(id, call);
      await subject.platform.destroy(id, call);
      await world.absent(1, id);
      await world.settled(1, 1);
    });

    test("a quarantined server has no traffic any more, and the group makes another", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
      const [id = "", other = ""] = await world.serve(1, 2);
      expect(await subject.platform.quarantine(id, taint, call)).toMatchObject({ server: id });
      expect((await world.servers(1)).find((s) => s.id === id)?.inTraffic ?? false).toBe(false);
      await eventually(subject, "a replacement", async () => {
        const ready = (await world.servers(1)).filter((s) => s.state === "ready").map((s) => s.id);
        return ready.length === 2 && ready.includes(other) && !ready.includes(id);
      });
    });

    test("a server in quarantine stays there under a new controller, and can be destroyed", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.restart === undefined) return skip("this subject has no controller to restart");
      if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
      const [id = ""] = await world.serve(1, 2);
      await subject.platform.quarantine(id, taint, call);
      await subject.restart();
      await subject.platform.quarantine(id, taint, call);
      const found = (await world.servers(1)).find((s) => s.id === id);
      expect(found).toMatchObject({ state: "quarantined", inTraffic: false });
      await subject.platform.destroy(id, call);
      await world.absent(1, id);
    });

    test("a server that someone is let into keeps running without traffic, and comes into quarantine afterwards", async ({
      subject,
      world,
      skip,
    }) => {
      const { exec } = subject.platform;
      if (exec === undefined) return skip("this platform lets no one in");
      const { command = [] } = subject;
      const [id = ""] = await world.serve(1, 2);
      const order = { server: id, session: 1, command, terminal: false };
      for (const _ of [1, 2]) await exec.isolate(id, call);
      expect((await exec.enter(order, call)).argv).not.toEqual([]);
      await subject.restart?.();
      const find = async () => (await world.servers(1)).find((s) => s.id === id);
      expect(await find()).toMatchObject({ state: "quarantined", inTraffic: false });
      await subject.platform.quarantine?.(id, taint, call);
      await subject.platform.destroy(id, call);
      await world.absent(1, id);
      await expect(subject.platform.exec?.isolate(id, call)).rejects.toMatchObject({
        code: "server_unknown",
      });
    });

    test("quarantine knows no unknown server", async ({ subject, skip }) => {
      if (subject.platform.quarantine === undefined) return skip("this platform keeps no servers apart");
      const refused = subject.platform.quarantine("unknown", taint, call);
      await expect(refused).rejects.toMatchObject({ code: "server_unknown" });
    });

    test("a server that is replaced stays in addition to the others until it is retired", async ({
      subject,
      world,
    }) => {
      const [id = "", other = ""] = await world.serve(1, 2);
      const group = { release: subject.release(1), drainMs: 1000, replacing: [id] };
      await subject.platform.resize(group, 2, call);
      const ready = async () => (await world.servers(1)).filter((s) => s.state === "ready").map((s) => s.id);
      await eventually(subject, "a third server", async () => (await ready()).length === 3);
      expect(await ready()).toEqual(expect.arrayContaining([id, other]));
      await subject.platform.retire(id, call);
      await world.absent(1, id);
      expect(await ready()).toHaveLength(2);
    });

    test("watchers learn that something has changed, though not of each change", async ({
      subject,
      world,
    }) => {
      const heard = new Set<ServiceKey>();
      using _watch = subject.platform.watch((service) => heard.add(service));
      await eventually(subject, "some news", async () => {
        await world.raise(1, 1);
        await world.raise(1, 2);
        return heard.has(subject.service);
      });
    });

    test("preflight accepts what can be made", async ({ subject, world }) => {
      await subject.platform.preflight?.(subject.release(1), call);
      await subject.platform.preflight?.({ ...subject.release(1), image: undefined }, call);
      expect(await world.servers(1)).toEqual([]);
    });

    test("a server's lines can be read; an unknown server has none", async ({ subject, world, skip }) => {
      const { logs } = subject.platform;
      if (logs === undefined) return skip("this platform has no logs");
      const [id = ""] = await world.raise(1, 1);
      await eventually(subject, "its first line", async () => (await linesOf(logs, id))[0] === "hello");
      await expect(linesOf(logs, "unknown")).rejects.toMatchObject({
        code: "server_unknown",
      });
    });

    test("a job runs outside of all groups and without traffic, and is seen to succeed", async ({
      subject,
      world,
      skip,
    }) => {
      const order = subject.job?.("fine");
      if (order === undefined) return skip("this subject has no jobs");
      await world.serve(1, 1);
      const id = await world.runJob(order);
      await world.runJob(order);
      const job = await world.jobEnded(id);
      expect(job).toMatchObject({ release: 1, rollout: 7, name: order.job.name, state: "succeeded" });
      expect(job.end).toMatchObject({ exitCode: 0, logTail: ["begun"] });
      await world.runJob(order);
      expect((await world.job(id))?.end).toEqual(job.end);
      expect(await world.group(1)).toMatchObject({ size: 1, failed: 0 });
      expect(await world.ids(1)).toHaveLength(1);
      const { logs } = subject.platform;
      if (logs !== undefined) expect(await linesOf(logs, id)).toEqual(["begun"]);
    });

    test("a job that fails tells how, and is not tried again", async ({ subject, world, skip }) => {
      const order = subject.job?.("failing");
      if (order === undefined) return skip("this subject has no jobs");
      const job = await world.jobEnded(await world.runJob(order));
      expect(job).toMatchObject({ state: "failed", end: { exitCode: 3, logTail: ["begun"] } });
      expect(job.end?.reason).toContain("exited with code 3");
      await subject.pause(500);
      expect((await world.job(job.id))?.end).toEqual(job.end);
    });

    test("a job is ended on demand, keeps its logs, and is forgotten with them", async ({
      subject,
      world,
      skip,
    }) => {
      const order = subject.job?.("endless");
      if (order === undefined) return skip("this subject has no jobs");
      const id = await world.runJob(order);
      await eventually(subject, "its start", async () => (await world.job(id))?.state === "running");
      await subject.platform.jobs?.end(id, call);
      await subject.platform.jobs?.end(id, call);
      expect(await world.jobEnded(id)).toMatchObject({ state: "failed" });
      await subject.platform.jobs?.forget(id, call);
      await subject.platform.jobs?.forget(id, call);
      expect(await world.job(id)).toBeUndefined();
      const { logs } = subject.platform;
      if (logs === undefined) return;
      await expect(linesOf(logs, id)).rejects.toMatchObject({ code: "server_unknown" });
    });

    test("a new controller finds running and ended jobs, and starts none again", async ({
      subject,
      world,
      skip,
    }) => {
      const { job, restart } = subject;
      if (job === undefined || restart === undefined)
        return skip("this subject has no jobs or no controller");
      const fine = await world.jobEnded(await world.runJob(job("fine")));
      const running = await world.runJob(job("endless"));
      await eventually(subject, "its start", async () => (await world.job(running))?.state === "running");
      await restart();
      await eventually(subject, "the ended one", async () => (await world.job(fine.id))?.end !== undefined);
      expect((await world.job(fine.id))?.end).toEqual(fine.end);
      await world.runJob(job("endless"));
      expect(await world.job(running)).toMatchObject({ state: "running" });
      await subject.platform.jobs?.end(running, call);
      expect((await world.jobEnded(running)).end?.logTail).toEqual(["begun"]);
    });

    test("a reproduction runs next to its server, in no group and without traffic, until it is destroyed", async ({
      subject,
      world,
      skip,
    }) => {
      const { restart } = subject;
      if (subject.platform.reproduce === undefined) return skip("this subject reproduces no servers");
      await world.serve(1, 1);
      const [server = ""] = await world.ids(1);
      const release = subject.release(1);
      const copies = async () => (await subject.platform.observe(call)).reproductions ?? [];
      for (const _ of [1, 2]) await subject.platform.reproduce(server, release, call);
      await eventually(subject, "its start", async () => (await copies())[0]?.state === "running");
      const before = await copies();
      expect(before).toMatchObject([{ reproduces: server, service: subject.service, release: 1 }]);
      expect(await world.ids(1)).toEqual([server]);
      expect(await world.group(1)).toMatchObject({ size: 1, remains: [], failed: 0 });
      if (subject.request) for (const _ of [1, 2, 3]) expect(await subject.request()).toBe(1);
      if (restart) {
        await restart();
        await eventually(subject, "it again", async () => (await copies())[0]?.state === "running");
        expect(await copies()).toEqual(before);
      }
      for (const _ of [1, 2]) await subject.platform.destroy(before[0]?.id ?? "", call);
      expect(await copies()).toEqual([]);
      expect(await world.ids(1)).toEqual([server]);
    });

    test("a server that exits leaves its last words, and is replaced or started again", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.exiting === undefined) return skip("this subject has no exiting servers");
      await world.resize(subject.exiting(1), 1);
      const group = await eventually(subject, "two failures", async () => {
        const found = await world.group(1);
        return (found?.failed ?? 0) >= 2 && found;
      });
      expect(group.failures[0]).toMatchObject({
        kind: "exited",
        reason: expect.stringContaining("exited with code 3"),
      });
      expect(group.failures[0]?.logTail).toContain("last words");
      const keys = new Set(group.failures.map(({ id, restart = 0 }) => `${id} ${restart}`));
      expect(keys.size).toBe(group.failures.length);
      await world.resize(subject.exiting(1), 0);
      await world.gone(1);
    });

    test("a server that does not become healthy is given up with its last answers", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.unhealthy === undefined) return skip("this subject has no unhealthy servers");
      await world.resize(subject.unhealthy(1), 1);
      const failure = await eventually(subject, "a failure", async () => (await world.group(1))?.failures[0]);
      expect(failure).toMatchObject({
        kind: "unready",
        reason: expect.stringContaining("was not ready within"),
      });
      expect(failure.probes.length).toBeGreaterThan(0);
    });

    test("a server whose process is killed is replaced or started again, and costs no request", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.kill === undefined) return skip("this subject kills no servers");
      const [id = ""] = await world.serve(1, 2);
      world.asking = true;
      await subject.kill(id);
      await eventually(subject, "the failure", async () => (await world.group(1))?.failed === 1);
      await world.settled(1, 2);
      expect((await world.group(1))?.failures.map((failure) => failure.id)).toEqual([id]);
      if (subject.retries !== false) expect(world.lost).toBe(0);
    });

    test("a new controller finds servers and traffic as they were, and continues", async ({
      subject,
      world,
      skip,
    }) => {
      if (subject.restart === undefined) return skip("this subject has no controller to restart");
      const before = await world.serve(1, 2);
      await subject.restart();
      world.asking = true;
      expect(await world.ids(1)).toEqual(before);
      expect([undefined, 2]).toContain((await world.group(1))?.size);
      expect((await world.group(1))?.share).toBeCloseTo(1, 2);
      await world.resize(1, 2);
      await subject.pause(500);
      expect((await world.servers(1)).map((s) => [s.id, s.state])).toEqual(before.map((id) => [id, "ready"]));
      await world.raise(2, 1);
      await world.route([[2, 1]]);
      await world.resize(1, 0);
      await world.gone(1);
      expect(world.lost).toBe(0);
    });
  });
}

/** What the tests say to a platform, with the waiting in between. */
class Conversation {
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

async function linesOf(logs: LogReader, server: ServerId): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text } of logs.read(server, {}, call.signal)) texts.push(text);
  return texts;
}
