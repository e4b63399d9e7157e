import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { KilnEvent } from "../domain/event.ts";
import { draftOf, type WantedRelease } from "../domain/rollout/release.ts";
import { defaultUpkeep, type UpkeepPolicy } from "../domain/spec/upkeep-policy.ts";
import { anAsker, aPolicy, aRelease } from "../domain/testing.ts";
import type { DeployRequest, ServiceStatus } from "./operations.ts";
import { TestInstallation } from "./testing.ts";

let t: TestInstallation;
const installation = () => {
  t = new TestInstallation();
  return t;
};
afterEach(async () => t?.[Symbol.asyncDispose]());

const planOf = ({ service, ...wanted }: DeployRequest) => ({
  service,
  change: { kind: "deploy", ...wanted } as const,
});
const releasesOf = (status: ServiceStatus) => [...new Set(status.servers.map((s) => s.release))].sort();

test("a first deploy serves with all its servers", async () => {
  const status = await installation().deployed(1);
  expect(status.serving?.number).toBe(1);
  expect(status.servers.map((s) => [s.id, s.state, s.inTraffic])).toEqual([
    ["shop-1-1-1", "ready", true],
    ["shop-1-2-1", "ready", true],
    ["shop-1-3-1", "ready", true],
  ]);
});

test("every later deploy replaces all servers, and the old ones go when they are not warm any more", async () => {
  const { clock } = installation();
  await t.deployed(1);
  const status = await t.deployed(2);
  expect([status.serving?.number, releasesOf(status)]).toEqual([2, [1, 2]]);
  expect(t.world.request("shop")).toMatch(/^shop-2-/);
  await clock.advance(6 * 60_000);
  expect(releasesOf(await t.status())).toEqual([2]);
});

test("the same draft again makes no release; with another count it scales", async () => {
  installation();
  await t.deployed(1);
  const nothing = { service: "shop", release: 1, rollout: undefined, scaled: undefined, adopted: [] };
  expect(await t.deploy(1)).toEqual(nothing);
  expect(await t.deploy(1, { count: 5 })).toMatchObject({
    release: 1,
    rollout: undefined,
    scaled: { from: 3, to: 5 },
  });
  await t.clock.until(async () => (await t.status()).servers.filter((s) => s.inTraffic).length === 5);
});

test("what needs no other release is reported and taken over, also by a deploy that joins a running one", async () => {
  installation();
  await t.deployed(1);
  const policy = aPolicy({ bakeMs: 2_000 });
  const upkeep: UpkeepPolicy = { ...defaultUpkeep, drift: { ...defaultUpkeep.drift, response: "report" } };
  const request = { service: "shop", count: 3, draft: { ...draftOf(aRelease(1)), files: [] } };
  const bake = `rollout.bake: ${aPolicy().bakeMs / 1_000} s -> 2 s`;
  expect((await t.controller.plan(planOf({ ...request, policy }), anAsker())).changes).toEqual([bake]);
  expect((await t.deploy(1, { policy })).adopted).toEqual([bake]);
  const { rollout } = await t.deploy(2, { policy });
  const joined = await t.deploy(2, { policy, upkeep });
  expect(joined).toMatchObject({ rollout, adopted: ["drift.response: replace -> report"] });
  expect(t.store.desired("shop")?.upkeep).toEqual(upkeep);
  await t.settled();
  const { rollout: next } = await t.deploy(3, { policy: aPolicy(), upkeep });
  expect((await t.controller.rollout({ id: next ?? 0 })).changes).toContain(
    bake.replace(/: (.+) -> 2 s/, ": 2 s -> $1"),
  );
});

test("a release whose servers end at once is rolled back, with what they wrote last", async () => {
  const { world } = installation();
  await t.deployed(1);
  world.behave("shop-2", { exitAfterMs: 10, exitCode: 3, lines: ["no such table"] });
  const status = await t.deployed(2);
  expect(status.serving?.number).toBe(1);
  expect(status.failures.at(-1)).toMatchObject({
    kind: "exited",
    logTail: [expect.stringContaining("no such table")],
  });
  const [rollout] = (await t.controller.history({ service: "shop" })).rollouts;
  expect(rollout).toMatchObject({ phase: "rolled-back", to: 2, reason: expect.stringContaining("code 3") });
  await t.clock.until(async () => releasesOf(await t.status()).join() === "1");
});

test("a first release that fails leaves nothing running", async () => {
  const { world } = installation();
  world.behave("shop-1", { status: 500, readyMs: 0 });
  const status = await t.deployed(1);
  expect(status.serving).toBeUndefined();
  expect(status.servers).toEqual([]);
});

test("rollback to a warm group is one switch", async () => {
  installation();
  await t.deployed(1);
  await t.deployed(2);
  const before = t.clock.now();
  await t.controller.rollback({ service: "shop" }, anAsker("ada@example"));
  await t.clock.until(async () => t.world.request("shop")?.startsWith("shop-1-") ?? false);
  expect(t.clock.now() - before).toBeLessThan(100);
  expect((await t.settled()).serving?.number).toBe(1);
});

test("rollback to a cold release makes its servers again", async () => {
  installation();
  await t.deployed(1);
  await t.deployed(2);
  await t.clock.advance(10 * 60_000);
  await t.controller.rollback({ service: "shop", release: 1 }, anAsker("ada@example"));
  const status = await t.settled();
  expect(status.serving?.number).toBe(1);
});

test("rollback is refused beforehand when the image is gone", async () => {
  installation();
  await t.deployed(1);
  await t.deployed(2);
  t.world.missingImages.add(aRelease(1).image);
  await expect(t.controller.rollback({ service: "shop", release: 1 }, anAsker("ada"))).rejects.toMatchObject({
    code: "rollback_impossible",
  });
  await expect(t.controller.rollback({ service: "shop", release: 7 }, anAsker("ada"))).rejects.toMatchObject({
    code: "release_unknown",
  });
});

test("a rollback is checked again once it is known that it can work: what serves may have changed meanwhile", async () => {
  installation();
  await t.deployed(1);
  await t.deployed(2);
  let looks = 0;
  t.platform.preflight = async () => {
    if (looks++ > 0) return;
    await t.controller.rollback({ service: "shop", release: 1 }, anAsker("eve@example"));
    await t.clock.advance(5 * 60_000);
  };
  await expect(
    t.controller.rollback({ service: "shop", release: 1 }, anAsker("ada@example")),
  ).rejects.toMatchObject({
    code: "rollback_impossible",
    message: "Release 1 of shop serves already.",
  });
});

test("a preview whose port is lost holds up nothing, and the problem is reported", async () => {
  installation();
  const draft = (number: number) => {
    const release = aRelease(number);
    const traffic = release.traffic && { ...release.traffic, preview: 8081 };
    return { ...draftOf({ ...release, traffic }), files: [] };
  };
  const policy = aPolicy({ strategy: "blue-green", promote: "manual" });
  await t.deployed(1, { draft: draft(1) });
  await t.deploy(2, { draft: draft(2), policy });
  t.world.takenPorts.add(8081);
  t.world.routes.delete("shop_preview");
  await t.clock.until(async () => (await t.status()).rollout?.phase === "paused");
  expect(await t.status()).toMatchObject({
    preview: undefined,
    trouble: { message: expect.stringContaining("8081") },
  });
  await t.controller.promote({ service: "shop" }, anAsker("ada@example"));
  await t.clock.until(async () => (await t.status()).serving?.number === 2);
});

test("rollback in the middle of a deploy turns it back", async () => {
  installation();
  await t.deployed(1);
  t.world.behave("shop-2", { readyMs: Number.POSITIVE_INFINITY });
  const { rollout } = await t.deploy(2);
  await t.clock.advance(1000);
  expect(await t.controller.rollback({ service: "shop" }, anAsker("eve@example"))).toMatchObject({
    release: 1,
    rollout,
  });
  expect((await t.settled()).serving?.number).toBe(1);
});

test("the log keeps where a deploy came from; the commit of what serves is known, also after a rollback", async () => {
  t = new TestInstallation();
  const [first, second] = ["ab".repeat(20), "cd".repeat(20)];
  const serves = async () =>
    (
      await t.controller.check(
        { service: "shop", draft: { ...draftOf(aRelease(3)), files: [] } },
        anAsker("ada"),
      )
    ).commit;
  await t.deployed(1, { origin: { commit: first } });
  const commits = { newest: [{ id: second, atMs: 5 }], complete: true };
  await t.deployed(2, { origin: { commit: second, ref: "refs/heads/main" }, commits });
  expect(await serves()).toBe(second);
  const [, started] = t.store.events().filter((event) => event.kind === "rollout.started");
  expect(started?.data).toMatchObject({ origin: { commit: second, ref: "refs/heads/main" }, commits });
  await t.controller.rollback({ service: "shop" }, anAsker("ada"));
  await t.settled();
  expect(await serves()).toBe(first);
});

test("a second deploy is refused with what runs and who started it; the same one is followed", async () => {
  installation();
  await t.deployed(1);
  const { rollout } = await t.deploy(2);
  await expect(t.deploy(3, {}, anAsker("eve@example"))).rejects.toMatchObject({
    code: "rollout_running",
    message: expect.stringContaining("ada@example"),
  });
  expect(await t.deploy(2)).toMatchObject({ rollout });
});

const unbuilt = (draft: WantedRelease) => {
  const { image: _image, version: _version, ...rest } = draft;
  return rest;
};

test("before the image is built a deploy is refused for all that is known by then, and nothing is recorded", async () => {
  installation();
  const draft = unbuilt({ ...draftOf(aRelease(2)), files: [] });
  const check = (supersede = false) => t.controller.check({ service: "shop", draft, supersede }, anAsker());
  t.world.takenPorts.add(8080);
  await expect(check()).rejects.toMatchObject({ code: "port_taken" });
  t.world.takenPorts.clear();
  const secret = { draft: unbuilt(secretly("A").draft), service: "shop" };
  await expect(t.controller.check(secret, anAsker())).rejects.toMatchObject({ code: "secret_missing" });
  await check();
  await t.deployed(1);
  await check();
  const before = t.store.lastSequence();
  await t.deploy(2);
  await check(); // the same again, as far as can be told
  const other = { ...draft, shape: { ...draft.shape, env: { MODE: "other" } } };
  const checkOther = (supersede = false) =>
    t.controller.check({ service: "shop", draft: other, supersede }, anAsker());
  await expect(checkOther()).rejects.toMatchObject({
    code: "rollout_running",
    message: expect.stringContaining("ada@example"),
  });
  await checkOther(true);
  await t.settled();
  await t.controller.remove({ service: "shop" }, anAsker("ada@example"));
  await expect(check(true)).rejects.toMatchObject({ code: "service_removing" });
  const kinds = t.store.events({ after: before }).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === "rollout.started")).toHaveLength(1);
});

test("a request cannot put another image under a version, and changes nothing", async () => {
  installation();
  t.versions.set(`shop:${aRelease(1).version}`, aRelease(2).image);
  const claimed = { service: "shop.staging" };
  await expect(t.deploy(1, claimed)).rejects.toMatchObject({ code: "version_taken" });
  expect(await t.controller.services({})).toEqual([]);
});

test("a rollout that never was is unknown", async () => {
  installation();
  await expect(t.controller.rollout({ id: 999 })).rejects.toMatchObject({ code: "rollout_unknown" });
});

test("pause, resume and promote steer a rollout; nothing moves while it is paused", async () => {
  installation();
  await t.deployed(1);
  await t.deploy(2, { policy: aPolicy({ strategy: "blue-green", promote: "manual" }) });
  await t.clock.until(async () => (await t.status()).rollout?.phase === "paused");
  await t.clock.advance(60 * 60_000);
  expect(t.world.request("shop")).toMatch(/^shop-1-/);
  await t.controller.promote({ service: "shop" }, anAsker("ada@example"));
  expect((await t.settled()).serving?.number).toBe(2);
  await expect(t.controller.pause({ service: "shop" }, anAsker("ada"))).rejects.toMatchObject({
    code: "rollout_none",
  });
});

test("an analysis without traffic pauses the rollout and says so", async () => {
  installation();
  await t.deployed(1);
  const analysis = { minRequests: 50, maxErrorRate: 0.01, maxLatencyRatio: 1.5, intervalMs: 10_000 };
  await t.deploy(2, {
    policy: aPolicy({ strategy: "canary", steps: [{ share: 0.5, holdMs: 30_000, analysis }] }),
  });
  await t.clock.until(async () => (await t.status()).rollout?.phase === "paused");
  expect((await t.status()).rollout?.reason).toContain("0 of the 50 requests");
  await t.controller.resume({ service: "shop" }, anAsker("ada@example"));
  await t.clock.advance(25_000);
  expect((await t.status()).rollout?.phase).toBe("forward");
  await t.clock.until(async () => (await t.status()).rollout?.phase === "paused");
  await t.controller.rollback({ service: "shop" }, anAsker("ada@example"));
  expect((await t.settled()).serving?.number).toBe(1);
});

test("a deploy that supersedes ends the running one, and everything of it", async () => {
  installation();
  await t.deployed(1);
  await t.deploy(2);
  await t.clock.advance(400);
  await t.deploy(3, { supersede: true });
  const status = await t.settled();
  expect(status.serving?.number).toBe(3);
  expect((await t.controller.history({ service: "shop" })).rollouts.map((r) => r.phase)).toEqual([
    "complete",
    "superseded",
    "complete",
  ]);
  await t.clock.advance(6 * 60_000);
  expect(releasesOf(await t.status())).toEqual([3]);
});

test("a controller that is killed in the middle of a rollout is replaced by one that finishes it", async () => {
  for (let moment = 0; moment < 20; moment++) {
    installation();
    await t.deployed(1);
    await t.deploy(2);
    for (let i = 0; i < moment; i++) await t.clock.advance(274);
    await t.stop();
    expect(t.world.request("shop"), `at moment ${moment}`).toBeDefined();
    t.start();
    expect((await t.settled()).serving?.number, `at moment ${moment}`).toBe(2);
    await t[Symbol.asyncDispose]();
  }
  installation();
});

test("after a restart of the machine the servers are made again", async () => {
  installation();
  await t.deployed(1);
  await t.stop();
  t.world.restartMachine();
  t.start();
  await t.clock.until(async () => (await t.status()).servers.filter((s) => s.inTraffic).length === 3);
});

test("a platform that cannot be observed leads to no destroy, and is asked again", async () => {
  const { world } = installation();
  await t.deployed(1);
  world.failNext("list", 8);
  await t.deploy(2);
  await t.clock.advance(500);
  expect(world.request("shop")).toMatch(/^shop-1-/);
  await t.clock.advance(60_000);
  expect(world.calls.filter((call) => call.operation === "destroy")).toEqual([]);
  expect((await t.settled()).serving?.number).toBe(2);
});

test("remove leaves nothing of the service", async () => {
  const { world } = installation();
  await t.deployed(1);
  await t.controller.remove({ service: "shop" }, anAsker("ada@example"));
  await t.clock.until(async () => (await t.controller.services({})).length === 0);
  expect([world.servers.size, world.routes.size]).toEqual([0, 0]);
});

test("a service of no servers keeps its way in until it is removed", async () => {
  const { world } = installation();
  await t.deployed(1);
  await t.controller.scale({ service: "shop", count: 0 }, anAsker("ada@example"));
  await t.clock.until(() => world.servers.size === 0);
  expect(world.routes.get("shop")?.frontends).toHaveLength(1);
  await t.controller.scale({ service: "shop", count: 2 }, anAsker("ada@example"));
  await t.clock.until(
    () => world.routes.get("shop")?.upstreams.filter((target) => target.weight > 0).length === 2,
  );
  await t.controller.scale({ service: "shop", count: 0 }, anAsker("ada@example"));
  await t.clock.until(() => world.servers.size === 0);
  await t.controller.remove({ service: "shop" }, anAsker("ada@example"));
  await t.clock.until(async () => (await t.controller.services({})).length === 0);
  expect(world.routes.size).toBe(0);
});

test("a preview says what a deploy would do and changes nothing", async () => {
  installation();
  await t.deployed(1);
  const { shape, ...rest } = draftOf(aRelease(2));
  const draft = { ...rest, shape: { ...shape, env: { LOG_LEVEL: "debug" } }, files: [] };
  const request = { service: "shop", count: 3, draft, policy: aPolicy() };
  const plan = await t.controller.plan(planOf(request), anAsker());
  expect(plan.changes).toEqual([expect.stringContaining("image: 1.1.0"), "environment LOG_LEVEL: new"]);
  expect(plan).toMatchObject({ peakServers: 6, fewestInTraffic: 3, downtime: "none" });
  expect(plan.actions.at(-1)).toMatchObject({ kind: "record", change: { kind: "end", phase: "complete" } });
  expect((await t.status()).rollout).toBeUndefined();
});

test("what is there when it is not what was expected, stays; a reason is in the log", async () => {
  installation();
  await t.deployed(1);
  const by = anAsker("ada@example");
  const service = "shop";
  const refused = { code: "expectation_failed", message: expect.stringContaining("Expected that") };
  const { deploy, scale, remove, rollback, pause } = t.controller;
  const draft = { ...draftOf(aRelease(2)), files: [] };
  const first = { service, count: 3, draft, policy: aPolicy(), expect: { serving: 0 } };
  await expect(deploy(first, by)).rejects.toMatchObject(refused);
  await expect(scale({ service, count: 9, expect: { rollout: 7 } }, by)).rejects.toMatchObject(refused);
  await expect(remove({ service, expect: { serving: 2 } }, by)).rejects.toMatchObject(refused);
  await expect(rollback({ service, expect: { serving: 2 } }, by)).rejects.toMatchObject(refused);
  expect((await t.status()).count).toBe(3);
  const { rollout } = await deploy({ ...first, expect: { serving: 1, rollout: 0 }, reason: "a fix" }, by);
  await expect(pause({ service, expect: { rollout: 1 } }, by)).rejects.toMatchObject(refused);
  await pause({ service, expect: { rollout }, reason: "it is late" }, by);
  const said = t.store.events().filter(({ data }) => data.reason !== undefined);
  expect(said.map(({ kind, data }) => [kind, data.reason])).toEqual(
    expect.arrayContaining([
      ["rollout.started", "a fix"],
      ["rollout.paused", "ada@example paused it: it is late"],
    ]),
  );
});

test("events tell the whole story, and can be followed", async () => {
  installation();
  const stop = new AbortController();
  const kinds: string[] = [];
  const following = (async () => {
    const { signal } = stop;
    for await (const { kind } of t.controller.events({ service: "shop", follow: true }, { signal }))
      kinds.push(kind);
  })();
  await t.deployed(1);
  stop.abort();
  await following;
  const story = kinds.filter((kind) => kind.startsWith("r") && kind !== "rollout.progress");
  expect(story).toEqual(["release.created", "rollout.started", "rollout.moved", "rollout.completed"]);
  expect(kinds.filter((kind) => kind === "server.ready")).toHaveLength(3);
});

test("a warning is in the status as long as it lasts, and once in an event", async () => {
  const it = installation();
  await it.deployed(1);
  const warning = { message: "The certificate expires.", hint: "Renew it." };
  it.world.warnings.push({ service: "shop", ...warning });
  await it.clock.advance(20_000);
  expect((await it.status()).warnings).toEqual([warning]);
  const events: KilnEvent[] = [];
  for await (const event of it.controller.events({})) if (event.kind === "service.warned") events.push(event);
  expect(events).toMatchObject([{ service: "shop", message: warning.message, data: { hint: warning.hint } }]);
  it.world.warnings.length = 0;
  await it.clock.advance(10_000);
  expect((await it.status()).warnings).toEqual([]);
});

const secretly = (...names: readonly string[]) => ({
  draft: {
    ...{ ...draftOf(aRelease(1)), files: [] },
    secrets: names.map(
      (name) => ({ name, delivery: { kind: "file", path: `/run/secrets/${name}` } }) as const,
    ),
  },
});
const valued = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

test("a deploy without its secrets is refused with all that are missing; with them it freezes the newest", async () => {
  installation();
  await t.controller.setSecret(
    { service: "shop", name: "A", value: valued("first-value") },
    anAsker("ada@example"),
  );
  await expect(t.deploy(1, secretly("A", "B", "C"))).rejects.toMatchObject({
    code: "secret_missing",
    message: "shop lacks the secrets B, C.",
  });
  expect(await t.controller.services({})).toEqual([]);

  await t.deployed(1, secretly("A"));
  await t.controller.setSecret(
    { service: "shop", name: "A", value: valued("second-value") },
    anAsker("ada@example"),
  );
  expect((await t.status()).serving?.number).toBe(1);
  const request = {
    ...{ service: "shop", count: 3, policy: aPolicy() },
    draft: { ...secretly("A").draft, files: [{ to: "/etc/app.conf", mode: 0o444, content: valued("x") }] },
  };
  const plan = await t.controller.plan(planOf(request), anAsker());
  expect(plan.changes).toEqual(["secret A: changed", "file /etc/app.conf: new"]);
  const { serving } = await t.deployed(1, secretly("A"));
  expect([serving?.number, serving?.secrets.map(({ version }) => version)]).toEqual([2, [2]]);

  await t.controller.rollback({ service: "shop" }, anAsker("ada@example"));
  const back = (await t.settled()).serving;
  expect([back?.number, back?.secrets.map(({ version }) => version)]).toEqual([1, [1]]);
  expect(await t.controller.secrets({ service: "shop" })).toMatchObject([
    { name: "A", version: 1, releases: [1] },
    { name: "A", version: 2, releases: [2] },
  ]);
  expect(JSON.stringify(t.store.events())).not.toMatch(/-value|Zmlyc3|c2Vjb25k/);
});

test("a rollback is refused with all that stands against it: the image and the secrets' key", async () => {
  const { world, folder } = installation();
  await t.controller.setSecret({ service: "shop", name: "A", value: valued("one") }, anAsker("ada@example"));
  await t.deployed(1, secretly("A"));
  await t.deployed(2);
  rmSync(join(folder, "secrets.key"));
  world.missingImages.add(aRelease(1).image);
  const refused = t.controller.rollback({ service: "shop", release: 1 }, anAsker("ada@example"));
  await expect(refused).rejects.toMatchObject({ code: "rollback_impossible" });
  await expect(refused).rejects.toThrow(/image.*The key file .*secrets\.key is missing/);
  expect((await t.status()).rollout).toBeUndefined();
  await expect(t.deploy(3, secretly("A"))).rejects.toMatchObject({ code: "secret_key_invalid" });
});

test("a configuration file is kept with its release, and another content is another release", async () => {
  installation();
  const withFile = (text: string) => ({
    draft: { ...draftOf(aRelease(1)), files: [{ to: "/etc/app.conf", mode: 0o444, content: valued(text) }] },
  });
  const numbers = [];
  for (const text of ["one", "two", "two"])
    numbers.push((await t.deployed(1, withFile(text))).serving?.number);
  expect(numbers).toEqual([1, 2, 2]);
  const contents = t.store.releases("shop").map(({ files }) => t.store.content(files[0]?.digest ?? ""));
  expect(contents.map((bytes) => Buffer.from(bytes).toString())).toEqual(["one", "two"]);
});

test.each([
  ["empty", "", /is empty/],
  ["too large", "x".repeat(64 * 1024 + 1), /has 65537 bytes/],
])("a value that is %s is not a secret", async (_, value, message) => {
  installation();
  const set = t.controller.setSecret(
    { service: "shop", name: "A", value: valued(value) },
    anAsker("ada@example"),
  );
  await expect(set).rejects.toMatchObject({ code: "secret_invalid" });
  await expect(set).rejects.toThrow(message);
});

test.each([
  ["NUL", Buffer.from("a\0b")],
  ["no UTF-8", Buffer.from([0xff, 0xfe])],
])("a value with %s is refused as an environment variable, and welcome as a file", async (_, value) => {
  installation();
  await t.controller.setSecret({ service: "shop", name: "A", value: valued(value) }, anAsker("ada@example"));
  const { draft } = secretly("A");
  const asVariable = [{ name: "A", delivery: { kind: "env", variable: "A" } } as const];
  const refused = t.deploy(1, { draft: { ...draft, secrets: asVariable } });
  await expect(refused).rejects.toMatchObject({ code: "secret_invalid" });
  await t.deployed(1, { draft });
});
