import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ServerId } from "../../domain/ids.ts";
import type { Host, HostJob, HostServer, ServerSpec } from "../fleet/host.ts";
import { type ConformanceSubject, call, eventually, taint } from "./subject.ts";

/** A host that has no servers yet. Optional members are tested when they are there. */
export interface HostSubject extends ConformanceSubject {
  readonly host: Host;
  /** A server that runs until it is stopped and writes the line `hello` when it starts. */
  server(slot: number): ServerSpec;
  /** A server that writes `last words` and exits with code 3. */
  exiting?(slot: number): ServerSpec;
  /** A job that writes `once` and ends well. */
  job?(): HostJob;
  /** A server of a release with the volume `data`, which one server at a time has; it runs until it is stopped. */
  withVolume?(slot: number): ServerSpec;
  /** A new controller's host over the same servers. */
  restart?(): Promise<void>;
}

/** Every promise of the Host contract, as a test. */
export function describeHost(name: string, open: () => Promise<HostSubject>): void {
  describe(`${name} keeps the host contract`, () => {
    let subject: HostSubject;

    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.cleanup());

    const list = () => subject.host.list(call);
    const find = async (id: ServerId): Promise<HostServer | undefined> =>
      (await list()).find((s) => s.id === id);
    const create = (slot: number) => subject.host.create(subject.server(slot), call);
    const lines = async (id: ServerId, tail?: number): Promise<readonly string[]> => {
      const texts: string[] = [];
      const options = tail === undefined ? {} : { tail };
      for await (const { text } of subject.host.logs?.read(id, options, call.signal) ?? []) texts.push(text);
      return texts;
    };

    test("it can be used and is empty", async () => {
      expect(await subject.host.probe(call)).toMatchObject({ usable: true });
      expect(await list()).toEqual([]);
    });

    test("a created server runs, has an address and is listed as it was returned", async () => {
      const server = await create(1);
      expect(server).toMatchObject({ ...subject.server(1), state: "running", exit: undefined });
      expect(server.address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(await list()).toEqual([server]);
    });

    test("creating it again returns the present one", async () => {
      expect(await create(1)).toEqual(await create(1));
      expect(await list()).toHaveLength(1);
    });

    test("servers that are created at once have addresses of their own", async () => {
      const servers = await Promise.all([1, 2, 3, 4].map(create));
      expect(new Set(servers.map((s) => s.address)).size).toBe(4);
      const byIpv6 = servers.flatMap((s) => s.ipv6?.address ?? []);
      expect([0, 4]).toContain(byIpv6.length);
      expect(new Set(byIpv6).size).toBe(byIpv6.length);
      expect((await list()).map((s) => s.id).sort()).toEqual(servers.map((s) => s.id).sort());
    });

    test("it says what running servers use, and nothing of others", async ({ skip }) => {
      const { usage } = subject.host;
      if (usage === undefined) return skip("this host does not know what its servers use");
      const [running, stopped] = [await create(1), await create(2)];
      await subject.host.stop(stopped.id, 2000, call);
      const read = () => usage.read([running.id, stopped.id, subject.server(3).id], call);
      const used = await eventually(subject, "what the running server uses", async () => {
        const found = (await read()).get(running.id);
        return (found?.memoryBytes ?? 0) > 0 && (found?.cpuMs ?? 0) > 0 && found;
      });
      expect(used.memoryBytes).toBeLessThan(4 * 2 ** 30);
      expect([...(await read()).keys()]).toEqual([running.id]);
    });

    test("a stopped server keeps its record and its lines; stopping it again is not an error", async () => {
      const { id } = await create(1);
      await eventually(subject, "its first line", async () => (await lines(id)).includes("hello"));
      await subject.host.stop(id, 2000, call);
      await subject.host.stop(id, 2000, call);
      const stopped = await eventually(subject, "its end", async () => {
        const found = await find(id);
        return found?.state === "exited" && found;
      });
      expect(stopped.exit).toMatchObject({ oomKilled: false });
      expect(await lines(id)).toContain("hello");
      expect(await lines(id, 0)).toEqual([]);
    });

    test("a destroyed server is gone, running or not; an unknown id is not an error", async () => {
      const [running, stopped] = [await create(1), await create(2)];
      await subject.host.stop(stopped.id, 2000, call);
      for (const { id } of [running, stopped, running]) await subject.host.destroy(id, call);
      expect(await list()).toEqual([]);
      await expect(lines(running.id)).rejects.toMatchObject({ code: "server_unknown" });
    });

    test("an address may be used again only after its server has gone", async () => {
      const first = await create(1);
      const second = await create(2);
      expect(second.address).not.toBe(first.address);
      await subject.host.destroy(first.id, call);
      expect((await create(3)).address).not.toBe(second.address);
    });

    test("the end of a process is called back, and its code and last words are kept", async ({ skip }) => {
      if (subject.exiting === undefined) return skip("this subject has no exiting servers");
      const ended = new Set<ServerId>();
      using _watch = subject.host.watch((id) => ended.add(id));
      const { id } = await subject.host.create(subject.exiting(1), call);
      const exited = await eventually(subject, "its end", async () => {
        const found = await find(id);
        return found?.state === "exited" && found;
      });
      expect(exited.exit).toMatchObject({ code: 3, oomKilled: false });
      await eventually(subject, "the call back", async () => ended.has(id));
      await eventually(subject, "its last words", async () => (await lines(id)).includes("last words"));
    });

    test("a cancelled creation can be repeated, and cleaned up", async () => {
      const spec = subject.server(1);
      await subject.host.create(spec, { ...call, signal: AbortSignal.abort() }).catch(() => {});
      expect(await create(1)).toMatchObject({ id: spec.id, state: "running" });
      await subject.host.destroy(spec.id, call);
      expect(await list()).toEqual([]);
    });

    test("a server in quarantine is known as one, also to a new controller's host", async () => {
      const { id } = await create(1);
      expect(await subject.host.quarantine(id, taint, call)).toMatchObject({ server: id });
      await subject.host.quarantine(id, taint, call);
      await subject.restart?.();
      expect((await find(id))?.quarantinedAtMs).toBeTypeOf("number");
      await subject.host.destroy(id, call);
      expect(await list()).toEqual([]);
      await expect(subject.host.quarantine(id, taint, call)).rejects.toMatchObject({
        code: "server_unknown",
      });
    });

    test("that a server's end is wanted is known before it ends, also to a new controller's host", async () => {
      const [id, other] = [(await create(1)).id, (await create(2)).id];
      for (const asked of [id, id, "shop-1-9-1"]) await subject.host.retire(asked, call);
      await subject.restart?.();
      expect(await find(id)).toMatchObject({ state: "running", retiredAtMs: expect.any(Number) });
      await subject.host.stop(id, 2000, call);
      await subject.host.stop(other, 2000, call);
      await subject.restart?.();
      expect(await find(id)).toMatchObject({ state: "exited", retiredAtMs: expect.any(Number) });
      expect(await find(other)).toMatchObject({ state: "exited", retiredAtMs: undefined });
      for (const each of [id, other]) await subject.host.destroy(each, call);
      expect(await list()).toEqual([]);
    });

    test("a release that can run is accepted and prepared", async () => {
      await subject.host.check(subject.server(1).release, call);
      await subject.host.prepare(subject.server(1).release, call);
      expect(await list()).toEqual([]);
    });

    test("a job has a command of its own, which never runs a second time", async ({ skip }) => {
      const { runJob } = subject.host;
      if (subject.job === undefined || runJob === undefined) return skip("this host runs no jobs");
      const spec = subject.job();
      const begun = await runJob(spec, call);
      expect(begun).toMatchObject({ id: spec.id, createdAtMs: begun.createdAtMs });
      const ended = await eventually(subject, "its end", async () => {
        const found = await find(spec.id);
        return found?.state === "exited" && found;
      });
      expect(ended.exit).toMatchObject({ code: 0 });
      expect(await runJob(spec, call)).toEqual(ended);
      await subject.host.stop(spec.id, 0, call);
      await subject.restart?.();
      expect(await subject.host.runJob?.(spec, call)).toMatchObject({ state: "exited", exit: { code: 0 } });
      expect(await lines(spec.id)).toEqual(["once"]);
      await subject.host.destroy(spec.id, call);
      expect(await list()).toEqual([]);
    });

    test("one server at a time has a volume, and its data outlasts them all", async ({ skip }) => {
      const { volumes } = subject.host;
      const { withVolume } = subject;
      if (volumes === undefined || withVolume === undefined) return skip("this host keeps no volumes");
      const key = { service: withVolume(1).release.service, name: "data" };
      const first = await subject.host.create(withVolume(1), call);
      expect(await volumes.list(key.service, call)).toMatchObject([
        { ...key, servers: [first.id], release: 1 },
      ]);
      const second = () => subject.host.create(withVolume(2), call);
      await expect(second()).rejects.toMatchObject({ code: "volume_in_use", retry: true });
      await subject.restart?.();
      await expect(second()).rejects.toMatchObject({ code: "volume_in_use" });
      await subject.host.stop(first.id, 2000, call);
      await second();
      await subject.host.destroy(first.id, call);
      await subject.host.destroy(withVolume(2).id, call);
      expect(await subject.host.volumes?.list(undefined, call)).toMatchObject([{ ...key, servers: [] }]);
    });

    test("a server in quarantine gives its volume to its successor", async ({ skip }) => {
      const { withVolume } = subject;
      if (subject.host.volumes === undefined || withVolume === undefined)
        return skip("this host keeps no volumes");
      const { id } = await subject.host.create(withVolume(1), call);
      await subject.host.quarantine(id, taint, call);
      expect(await subject.host.create(withVolume(2), call)).toMatchObject({ state: "running" });
    });

    test("data is replaced only while no server has it, and what was there stays as a snapshot", async ({
      skip,
    }) => {
      const { volumes } = subject.host;
      const { withVolume } = subject;
      if (volumes === undefined || withVolume === undefined) return skip("this host keeps no volumes");
      const key = { service: withVolume(1).release.service, name: "data" };
      const { id: server } = await subject.host.create(withVolume(1), call);
      const { id } = await volumes.snapshot(key, call);
      const archive = async (snapshot?: string) =>
        Buffer.concat(await allOf(volumes.read(key, snapshot, call.signal)));
      const before = await archive();
      expect(before.length).toBeGreaterThan(0);
      for (const replacing of [
        () => volumes.restore(key, id, call),
        () => volumes.write(key, oneByOne(before), call),
        () => volumes.remove(key, undefined, call),
      ])
        await expect(replacing()).rejects.toMatchObject({ code: "volume_in_use" });
      await subject.host.destroy(server, call);
      await volumes.restore(key, id, call);
      await volumes.write(key, oneByOne(before), call);
      const [{ snapshots } = { snapshots: [] }] = await volumes.list(key.service, call);
      expect(snapshots.map(({ reason }) => reason)).toEqual(["asked", "before-restore", "before-restore"]);
      await volumes.remove(key, id, call);
      await expect(volumes.restore(key, id, call)).rejects.toMatchObject({ code: "snapshot_unknown" });
      await volumes.remove(key, undefined, call);
      await expect(volumes.snapshot(key, call)).rejects.toMatchObject({ code: "volume_unknown" });
      expect(await volumes.list(undefined, call)).toEqual([]);
    });

    test("a new controller's host finds the same", async ({ skip }) => {
      if (subject.restart === undefined) return skip("this subject has no controller to restart");
      const servers = [await create(1), await create(2)];
      await subject.host.stop(servers[1]?.id ?? "", 2000, call);
      const before = await list();
      await subject.restart();
      const byId = (a: HostServer, b: HostServer) => (a.id < b.id ? -1 : 1);
      expect((await list()).toSorted(byId)).toEqual(before.toSorted(byId));
      await subject.host.destroy(servers[0]?.id ?? "", call);
      expect(await list()).toHaveLength(1);
    });
  });
}

async function* oneByOne(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function allOf(pieces: AsyncIterable<Uint8Array>): Promise<readonly Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}
