import { expect } from "vitest";
import type { ServiceKey } from "../../../domain/ids.ts";
import { call, eventually } from "../subject.ts";
import { linesOf } from "./conversation.ts";
import type { PlatformTest } from "./fixture.ts";

/** Groups of servers: raised, scaled, lowered, watched. */
export function groupTests(test: PlatformTest): void {
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

  test("destroy removes a server; an unknown one is not an error", async ({ subject, world }) => {
    const [id = ""] = await world.serve(1, 1);
    await subject.platform.destroy(id, call);
    await subject.platform.destroy(id, call);
    await world.absent(1, id);
    await world.settled(1, 1);
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

  test("watchers learn that something has changed, though not of each change", async ({ subject, world }) => {
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
}
