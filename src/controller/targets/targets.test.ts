import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { testTargets } from "./testing.ts";

const by = anAsker();
const idsIn = (world: { readonly servers: ReadonlyMap<string, unknown> }) => [...world.servers.keys()].sort();

test("each service runs on its own target and nowhere else, also under the next controller", async () => {
  await using t = await testTargets("north", "south");
  await t.deployed("shop", 1);
  await t.deployed("blog", 1, { target: "north" });
  await t.deployed("wiki", 1, { target: "south", count: 1 });
  const expected = [["shop-1-1-1", "shop-1-2-1"], ["blog-1-1-1", "blog-1-2-1"], ["wiki-1-1-1"]];
  expect(["local", "north", "south"].map((name) => idsIn(t.world(name)))).toEqual(expected);
  await t.stop();
  await t.start();
  await t.deployed("blog", 2);
  await t.clock.until(() => t.world("north").servers.size === 2);
  expect(idsIn(t.world("north"))).toEqual(["blog-2-1-1", "blog-2-2-1"]);
  expect((await t.status("blog")).target).toEqual({ name: "north", platform: "fake", trouble: undefined });
  const services = await t.clock.settle(t.controller.services({}));
  expect(services.map(({ service, servers }) => [service, servers.length])).toEqual([
    ["blog", 2],
    ["shop", 2],
    ["wiki", 1],
  ]);
  expect(await t.clock.settle(t.controller.info({}))).toMatchObject({ services: 3, servers: 5 });
});

test.each(["down", "hangs"] as const)(
  "a target that is %s delays only its own services",
  async (condition) => {
    await using t = await testTargets("north");
    await t.deployed("shop", 1);
    await t.deployed("blog", 1, { target: "north" });
    await t.deployed("wiki", 1);
    t.set("north", condition);
    await t.deploy("blog", 2, {});
    await t.deployed("shop", 2);
    await t.controller.scale({ service: "shop", count: 3 }, by);
    await t.controller.remove({ service: "wiki" }, by);
    await t.clock.until(() => t.store.desired("wiki") === undefined && t.world("local").servers.size === 3);
    expect(idsIn(t.world("local"))).toEqual(["shop-2-1-1", "shop-2-2-1", "shop-2-3-1"]);
    expect(t.store.desired("blog")?.rollout).toMatchObject({ to: 2, phase: "forward" });
    t.set("north", "up");
    await t.settled("blog");
    expect(t.store.desired("blog")?.serving).toBe(2);
  },
);

test("what a silent target had is shown as it was seen last, with the reason", async () => {
  await using t = await testTargets("north");
  await t.deployed("shop", 1);
  await t.deployed("blog", 1, { target: "north" });
  t.set("north", "down");
  await t.clock.advance(10_000);
  const blog = await t.status("blog");
  expect(blog.servers).toHaveLength(2);
  expect(blog.target.trouble).toEqual({
    ...{ message: "north refuses the connection.", hint: "Switch it on.", sinceMs: expect.any(Number) },
  });
  expect((await t.status("shop")).target.trouble).toBeUndefined();
  expect(await t.clock.settle(t.controller.targets({}))).toMatchObject([
    { name: "local", services: ["shop"], servers: 2, trouble: undefined },
    { name: "north", services: ["blog"], servers: 2, trouble: { message: "north refuses the connection." } },
  ]);
  t.set("north", "up");
  expect((await t.status("blog")).target.trouble).toBeUndefined();
});

test("a target that hangs costs someone who asks some seconds, and once", async () => {
  await using t = await testTargets("north");
  await t.deployed("shop", 1);
  await t.deployed("blog", 1, { target: "north" });
  t.set("north", "hangs");
  const askedMs = t.clock.elapsed();
  const { target, servers } = await t.status("blog");
  expect(t.clock.elapsed() - askedMs).toBeLessThanOrEqual(5_000);
  expect(target.trouble?.message).toMatch(/^It has not answered for \d+ s\.$/);
  expect(servers).toHaveLength(2);
  const againMs = t.clock.elapsed();
  expect(await t.clock.settle(t.controller.services({}))).toHaveLength(2);
  expect(t.clock.elapsed()).toBe(againMs);
  await expect(t.clock.settle(planOf("blog"))).rejects.toMatchObject({ code: "target_unreachable" });
  expect(t.clock.elapsed() - askedMs).toBeLessThanOrEqual(15_000);
  expect((await t.clock.settle(planOf("shop"))).actions).not.toEqual([]);

  function planOf(service: string) {
    return t.controller.plan({ service, change: { kind: "scale", count: 3 } }, by);
  }
});

test("a controller starts while a target is down, and takes its servers over when that is up again", async () => {
  await using t = await testTargets("north");
  await t.deployed("shop", 1);
  await t.deployed("blog", 1, { target: "north" });
  await t.stop();
  t.set("north", "down");
  await t.start();
  await t.deployed("shop", 2);
  expect((await t.status("blog")).servers).toEqual([]);
  t.set("north", "up");
  await t.clock.advance(20_000);
  expect((await t.status("blog")).servers.map(({ id, inTraffic }) => [id, inTraffic])).toEqual([
    ["blog-1-1-1", true],
    ["blog-1-2-1", true],
  ]);
  expect([...t.world("north").starts.values()]).toEqual([1, 1]);
});

test("a controller ends at once while a target hangs", async () => {
  const t = await testTargets("north");
  try {
    await t.deployed("blog", 1, { target: "north" });
    t.set("north", "hangs");
    await t.clock.advance(20_000);
    await t.stop();
    await t.start();
    await t.deployed("shop", 1);
  } finally {
    await t[Symbol.asyncDispose]();
  }
});

test("no figures are recorded of a time in which a target could not be seen", async () => {
  await using t = await testTargets("north");
  await t.deployed("shop", 1);
  await t.deployed("blog", 1, { target: "north" });
  t.set("north", "down");
  await t.clock.advance(60_000);
  const downMs = t.clock.now();
  await t.clock.advance(300_000);
  t.set("north", "up");
  await t.clock.advance(120_000);
  const minutesOf = async (service: string) => {
    const spans = await t.controller.traffic({ service, sinceMs: downMs });
    return spans.map(({ atMs }) => Math.ceil((atMs - downMs) / 60_000));
  };
  expect(await minutesOf("shop")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await minutesOf("blog")).toEqual([5, 6]);
});

test("a service stays on the target of its first deploy", async () => {
  await using t = await testTargets("north");
  await t.deployed("blog", 1, { target: "north" });
  const elsewhere = {
    code: "target_fixed",
    message: "blog runs on the target north, and a deploy does not move it to local.",
    hint: expect.stringContaining("`kiln move blog --target local`"),
  };
  await expect(t.deploy("blog", 2, { target: "local" })).rejects.toMatchObject(elsewhere);
  await expect(t.deploy("blog", 1, { target: "local" })).rejects.toMatchObject(elsewhere);
  await t.deployed("blog", 2, { target: "north" });
  expect(t.store.desired("blog")).toMatchObject({ target: "north", serving: 2 });
  await expect(t.deploy("wiki", 1, { target: "nroth" })).rejects.toMatchObject({
    ...{ code: "target_unknown", hint: "Did you mean north? `kiln target ls` lists the targets." },
  });
  expect(t.store.desired("wiki")).toBeUndefined();
});

test("a deploy to a target that lacks something is refused before its image is built, with the platform's remedies", async () => {
  await using t = await testTargets("north");
  const { service: _service, version: _version, image: _image, ...draft } = aRelease(1);
  const check = (target: string) =>
    t.controller.check({ service: "blog", target, draft: { ...draft, secrets: [], files: [] } }, by);
  await check("north");
  const rootless = {
    what: "It needs root.",
    remedy: "Ask the owner.",
    severity: "fatal",
    code: "not_root",
  } as const;
  const slow = { what: "It is slow.", remedy: "Wait.", severity: "degraded" } as const;
  t.lacks("north", rootless, slow);
  await t.clock.advance(61_000);
  await expect(check("north")).rejects.toMatchObject({
    ...{ code: "not_root", message: "Servers cannot run on the target north.", hint: "Ask the owner." },
    problems: [{ message: "It needs root.", hint: "Ask the owner." }],
  });
  t.lacks("north", { ...rootless, code: undefined });
  await expect(check("north")).rejects.toMatchObject({ code: "platform_unusable" });
  t.lacks("north", slow);
  await check("north");
  await check("local");
});

test("a plan names its target, and the same on another target is another plan", async () => {
  await using t = await testTargets("north", "south");
  const { files: _files, ...draft } = { ...draftOf(aRelease(1)), files: [] };
  const plan = (target: string) => {
    const change = {
      kind: "deploy",
      count: 1,
      policy: aPolicy(),
      draft: { ...draft, secrets: [], files: [] },
      target,
    } as const;
    return t.controller.plan({ service: "blog", change }, by);
  };
  const [north, south, again] = [await plan("north"), await plan("south"), await plan("north")];
  expect([north.target, south.target]).toEqual(["north", "south"]);
  expect(north.actions).toEqual(south.actions);
  expect(north.digest).not.toBe(south.digest);
  expect(again.digest).toBe(north.digest);
  await t.deployed("blog", 1, { target: "south" });
  expect(t.store.events().find(({ kind }) => kind === "rollout.started")?.data).toMatchObject({
    target: "south",
  });
});

test("a target goes when its last service is gone, and no sooner", async () => {
  await using t = await testTargets("north");
  await t.deployed("blog", 1, { target: "north" });
  await expect(t.controller.removeTarget({ target: "north" }, by)).rejects.toMatchObject({
    ...{ code: "target_in_use", message: "The target north has services on it: blog." },
  });
  await t.controller.remove({ service: "blog" }, by);
  await t.clock.until(() => t.store.desired("blog") === undefined);
  await t.controller.removeTarget({ target: "north" }, by);
  await expect(t.controller.target({ target: "north" })).rejects.toMatchObject({ code: "target_unknown" });
  expect((await t.controller.targets({})).map(({ name }) => name)).toEqual(["local"]);
  await t.add("north");
  await t.deployed("blog", 1, { target: "north" });
  expect(t.world("north").servers.size).toBe(2);
});

test("what can be asked of a server is asked where the server is", async () => {
  await using t = await testTargets("north");
  await t.deployed("shop", 1, { count: 1 });
  await t.deployed("blog", 1, { count: 1, target: "north" });
  t.world("north").behave("*", { lines: ["from north"] });
  const { id } = await t.controller.reproduce({ server: "blog-1-1-1" }, by);
  await t.clock.until(() => t.world("north").servers.has(id));
  expect(idsIn(t.world("local"))).toEqual(["shop-1-1-1"]);
  const lines: string[] = [];
  for await (const { text } of t.controller.logs({ server: id })) lines.push(text);
  expect(lines).toEqual(["from north"]);
  await t.controller.destroyServer({ server: id }, by);
  await t.clock.until(() => !t.world("north").servers.has(id));
  t.set("north", "down");
  await expect(
    t.clock.settle(t.controller.destroyServer({ server: "blog-9-9-9" }, by)),
  ).rejects.toMatchObject({
    code: "server_unknown",
    hint: expect.stringContaining("It may be on a target that does not answer: north."),
  });
});

test("a wrong target is refused and leaves nothing; one that another Kiln has added shows why it cannot be used", async () => {
  await using t = await testTargets();
  await expect(t.add("north", "fak")).rejects.toMatchObject({ hint: "Did you mean fake?" });
  await expect(t.add("north", "fake", { color: "red" })).rejects.toMatchObject({
    problems: [{ message: "The platform fake has no option color.", hint: "Did you mean colour?" }],
  });
  await expect(t.add("north", "local")).rejects.toMatchObject({ code: "target_taken" });
  expect(t.store.targets()).toHaveLength(1);
  await t.add("north", "fake", { colour: "red" });
  await expect(t.add("north")).rejects.toMatchObject({ code: "target_taken" });
  t.store.addTarget({ name: "moon", platform: "rocket", options: {} }, by);
  await t.stop();
  await t.start();
  await t.deployed("shop", 1);
  const moon = await t.clock.settle(t.controller.target({ target: "moon" }));
  expect(moon).toMatchObject({
    trouble: { message: "Kiln has no platform rocket." },
    readiness: { usable: false, gaps: [{ what: "Kiln has no platform rocket.", severity: "fatal" }] },
  });
  await t.controller.removeTarget({ target: "moon" }, by);
});

test("where plans have to be approved, a way back does not wait for a target that cannot be seen", async () => {
  await using t = await testTargets();
  await t.deployed("shop", 1);
  await t.deployed("shop", 2);
  const text = 'policies:\n  "*":\n    approvals: {count: 1}\n';
  await t.controller.setPolicy({ name: "policy.yaml", text }, by);
  t.set("local", "down");
  await t.clock.settle(t.controller.scale({ service: "shop", count: 3 }, by));
  await t.clock.settle(t.controller.rollback({ service: "shop" }, by));
  expect(t.store.desired("shop")).toMatchObject({ count: 3, rollout: { kind: "rollback", to: 1 } });
  await t.clock.settle(t.controller.abort({ service: "shop" }, by));
  await expect(t.clock.settle(t.deploy("shop", 4, { supersede: true }))).rejects.toMatchObject({
    code: "target_unreachable",
  });
});
