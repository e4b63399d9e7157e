import assert from "node:assert";
import { expect, test } from "vitest";
import { KilnError } from "../../lib/errors.ts";
import { taint } from "../conformance/subject.ts";
import { call, release, TestFleet } from "../fake/testing.ts";
import type { FakeServer } from "../fake/world.ts";

test("a group of three becomes ready, and its servers get traffic when they are routed", async () => {
  await using fleet = new TestFleet();
  await fleet.resize(1, 3);
  await fleet.untilReady(1, 3);
  expect(fleet.weights()).toEqual({});
  await fleet.route([{ release: 1, share: 1 }]);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256, "shop-1-2-1": 256, "shop-1-3-1": 256 });
  const observed = await fleet.platform.observe(call);
  expect(observed.routed).toEqual(["shop"]);
  expect(observed.groups[0]).toMatchObject({ size: 3, share: 1, failed: 0 });
  expect(observed.groups[0]?.servers.every((s) => s.inTraffic)).toBe(true);
});

test("a server that is healthy at once is ready within 100 ms", async () => {
  await using fleet = new TestFleet();
  const before = fleet.clock.now();
  await fleet.resize(1, 1);
  await fleet.untilReady(1, 1);
  expect(fleet.clock.now() - before).toBeLessThanOrEqual(100);
});

test("at most four servers are created at once", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop", { startMs: 100 });
  await fleet.resize(1, 10);
  await fleet.clock.advance(50);
  expect([...fleet.world.servers.values()].map((s) => s.record.state)).toEqual(Array(4).fill("creating"));
  expect(await fleet.ids(1, "creating")).toHaveLength(10);
  await fleet.untilReady(1, 10);
});

test("surplus is drained before it is stopped, and requests that are open may finish", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 3);
  fleet.world.openRequests.set("shop-1-3-1", 1);
  await fleet.resize(1, 2);
  await fleet.clock.advance(5000);
  expect(await fleet.ids(1, "draining")).toEqual(["shop-1-3-1"]);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256, "shop-1-2-1": 256, "shop-1-3-1": 0 });
  expect(fleet.world.servers.get("shop-1-3-1")?.record.state).toBe("running");
  fleet.world.openRequests.delete("shop-1-3-1");
  await fleet.clock.advance(200);
  expect(fleet.world.servers.has("shop-1-3-1")).toBe(false);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256, "shop-1-2-1": 256 });
});

test("a request that never ends holds a server up for the drain time and no longer", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.openRequests.set("shop-1-1-1", 1);
  await fleet.resize(1, 0);
  await fleet.clock.advance(29_000);
  expect(await fleet.ids(1, "draining")).toHaveLength(1);
  await fleet.clock.advance(1500);
  expect(fleet.world.servers.size).toBe(0);
});

test("long connections are closed one after the other in the last quarter of the drain time", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  const open = () => fleet.world.longConnections.get("shop-1-1-1")?.length;
  fleet.world.longConnections.set("shop-1-1-1", [0.1, 0.3, 0.5, 0.7, 0.9]);
  await fleet.resize(1, 0);
  await fleet.clock.advance(22_000);
  expect(open()).toBe(5);
  const seen = [];
  for (let part = 0; part < 5; part++) {
    await fleet.clock.advance(1600);
    seen.push(open());
  }
  expect(seen).toEqual([4, 3, 2, 1, 0]);
  await fleet.clock.advance(500);
  expect(fleet.world.servers.size).toBe(0);
});

test("a drain that the router does not acknowledge keeps the server running until it does", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  fleet.world.failNext("apply", 4);
  await fleet.resize(1, 1);
  await fleet.clock.advance(2000);
  expect(fleet.world.servers.get("shop-1-2-1")?.record.state).toBe("running");
  await fleet.clock.advance(60_000);
  expect(fleet.world.servers.has("shop-1-2-1")).toBe(false);
});

test("a lower size first takes what serves least", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1-1-1", { readyMs: Number.POSITIVE_INFINITY });
  await fleet.resize(1, 3);
  await fleet.untilReady(1, 2);
  await fleet.resize(1, 2);
  await fleet.clock.advance(1000);
  expect(await fleet.ids(1, "ready")).toEqual(["shop-1-2-1", "shop-1-3-1"]);
});

test("a resize that is turned back during creation leaves nothing", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop", { startMs: 1000 });
  await fleet.resize(1, 8);
  await fleet.clock.advance(500);
  await fleet.resize(1, 0);
  await fleet.clock.advance(2000);
  expect(fleet.world.servers.size).toBe(0);
  expect((await fleet.platform.observe(call)).groups).toEqual([]);
  expect(fleet.world.calls.filter((c) => c.operation === "create")).toHaveLength(4);
});

test.each(["creating", "running"] as const)(
  "a server that its host says it has destroyed, and lists as %s all the same, is destroyed again",
  async (state) => {
    await using fleet = new TestFleet();
    fleet.world.behave("shop", { startMs: 1000 });
    await fleet.resize(1, 1);
    await fleet.clock.advance(500);
    const server = fleet.world.servers.get("shop-1-1-1");
    assert(server?.record.state === "creating");
    await fleet.resize(1, 0);
    await fleet.untilGone(1);
    fleet.world.servers.set("shop-1-1-1", { ...server, record: { ...server.record, state } });
    expect((await fleet.group(1))?.size).toBe(0);
    await fleet.clock.until(() => !fleet.world.servers.has("shop-1-1-1"));
  },
);

test("a server that exits is replaced at once, with the next attempt, and its failure is reported", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  fleet.world.servers.get("shop-1-1-1")?.lines.push({ atMs: 1, text: "out of cheese" });
  await fleet.clock.advance(2000);
  fleet.world.exit("shop-1-1-1", 3);
  await fleet.clock.advance(100);
  expect(fleet.weights()).toEqual({ "shop-1-1-2": 256, "shop-1-2-1": 256 });
  const group = await fleet.group(1);
  expect(group?.failed).toBe(1);
  expect(group?.failures[0]).toMatchObject({
    id: "shop-1-1-1",
    kind: "exited",
    reason: expect.stringMatching(/^exited with code 3 after 2\.\d s$/),
    logTail: ["out of cheese"],
    probes: expect.arrayContaining(["GET / answered 200"]),
  });
});

test("a server that fails again and again is replaced more and more slowly", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1", { exitAfterMs: 0 });
  await fleet.resize(1, 1);
  const attempts = async (ms: number) => {
    await fleet.clock.advance(ms);
    return fleet.world.calls.filter((c) => c.operation === "create").length;
  };
  expect(await attempts(500)).toBe(2);
  expect(await attempts(1000)).toBe(3);
  expect(await attempts(2000)).toBe(4);
  expect(await attempts(4000)).toBe(5);
  expect(await attempts(60_000)).toBe(8);
  expect(await attempts(10 * 60_000)).toBeLessThanOrEqual(19);
  expect(fleet.world.servers.size).toBeLessThanOrEqual(4);
});

test("the newest three records of failed servers are kept, and go with the group; their failures stay visible", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1", { exitAfterMs: 0, lines: ["no such file"] });
  await fleet.resize(1, 1);
  await fleet.clock.advance(30_000);
  const kept = [...fleet.world.servers.keys()];
  expect(kept).toEqual(["shop-1-1-4", "shop-1-1-5", "shop-1-1-6"]);
  await fleet.resize(1, 0);
  await fleet.clock.advance(1000);
  expect(fleet.world.servers.size).toBe(0);
  expect((await fleet.group(1))?.failures.at(-1)).toMatchObject({
    id: "shop-1-1-6",
    logTail: ["no such file"],
  });
  await fleet.clock.advance(11 * 60_000);
  expect(await fleet.group(1)).toBeUndefined();
});

test("a server that does not become ready in time is stopped and replaced, and the last answer is reported", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1-1-1", { status: 500 });
  await fleet.resize(1, 1);
  await fleet.clock.advance(59_000);
  expect(await fleet.ids(1, "starting")).toEqual(["shop-1-1-1"]);
  await fleet.untilReady(1, 1);
  expect(await fleet.ids(1, "ready")).toEqual(["shop-1-1-2"]);
  expect(fleet.world.servers.get("shop-1-1-1")?.record.state).toBe("exited");
  const [failure] = (await fleet.group(1))?.failures ?? [];
  expect(failure).toMatchObject({ kind: "unready", reason: "was not ready within 60 s: GET / answered 500" });
});

test.each([
  [
    "runs all the same",
    (server: FakeServer) => {
      server.record = { ...server.record, state: "running", exit: undefined };
    },
    ({ record }: FakeServer) => record.state === "exited",
  ],
  [
    "keeps what it used",
    (server: FakeServer) => {
      server.released = false;
    },
    ({ released }: FakeServer) => released,
  ],
])(
  "a server that its host says it has stopped, and that %s, is stopped again",
  async (_what, undo, isDone) => {
    await using fleet = new TestFleet();
    fleet.world.behave("shop-1-1-1", { status: 500 });
    await fleet.resize(1, 1);
    await fleet.untilReady(1, 1);
    const server = fleet.world.servers.get("shop-1-1-1");
    assert(server?.record.state === "exited");
    undo(server);
    await fleet.platform.observe(call);
    await fleet.clock.until(() => isDone(server));
  },
);

test.each([
  ["forward", 1],
  ["back", -1],
])("a clock that is set %s ends and prolongs nothing that the fleet waits for", async (_way, sign) => {
  const day = sign * 24 * 3_600_000;
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.behave("shop-2-1-1", { readyMs: Number.POSITIVE_INFINITY });
  fleet.world.openRequests.set("shop-1-1-1", 1);
  await fleet.resize(2, 1);
  await fleet.resize(1, 0);
  await fleet.clock.advance(20_000);
  fleet.clock.set(day);
  await fleet.clock.advance(9_000);
  expect(await fleet.ids(1, "draining")).toHaveLength(1);
  await fleet.clock.advance(2_000);
  expect(await fleet.ids(1, "draining")).toEqual([]);
  expect((await fleet.group(2))?.servers[0]?.sinceMs).toBe(fleet.clock.now() - 31_000);
  await fleet.clock.advance(28_000);
  expect((await fleet.group(2))?.failed).toBe(0);
  await fleet.clock.advance(2_000);
  const failedAtMs = (await fleet.group(2))?.failures[0]?.atMs ?? 0;
  fleet.clock.set(day);
  expect((await fleet.group(2))?.failures[0]?.atMs).toBe(failedAtMs + day);
  expect(await fleet.ids(2, "ready")).toEqual(["shop-2-1-2"]);
});

test("a server that ended before the clock was set back is replaced at once by the next controller", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  await fleet[Symbol.asyncDispose]();
  fleet.world.exit("shop-1-1-1", 1);
  fleet.clock.set(-3_600_000);
  await fleet.restart();
  await fleet.resize(1, 1);
  await fleet.clock.advance(1_000);
  expect(await fleet.ids(1, "ready")).toEqual(["shop-1-1-2"]);
});

test("three failed checks take a server out of traffic, two passes bring it back", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  fleet.world.behave("shop-1-2-1", { status: 503 });
  await fleet.clock.advance(1900);
  expect(fleet.weights()["shop-1-2-1"]).toBe(256);
  await fleet.clock.advance(2000);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256, "shop-1-2-1": 0 });
  expect(await fleet.ids(1, "starting")).toEqual(["shop-1-2-1"]);
  fleet.world.behave("shop-1-2-1", {});
  await fleet.clock.advance(2000);
  expect(fleet.weights()["shop-1-2-1"]).toBe(256);
});

test("a server that cannot be created is reported as such, and nothing of it stays", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1-1-1", {
    createError: new KilnError("server_failed", "the program /bin/shop does not exist.", { permanent: true }),
  });
  await fleet.resize(1, 1);
  await fleet.untilReady(1, 1);
  expect([...fleet.world.servers.keys()]).toEqual(["shop-1-1-2"]);
  const [failure] = (await fleet.group(1))?.failures ?? [];
  expect(failure).toMatchObject({
    kind: "not-created",
    permanent: true,
    reason: "could not be started: the program /bin/shop does not exist",
  });
});

test("a fault that may pass is tried again with the same server", async () => {
  await using fleet = new TestFleet();
  const full = new KilnError("disk_full", "No space left on the disk.", { retry: true });
  fleet.world.behave("shop-1-1-1", { createError: full });
  await fleet.resize(1, 1);
  await fleet.clock.advance(500);
  fleet.world.behave("shop-1-1-1", {});
  await fleet.untilReady(1, 1);
  expect(await fleet.ids(1, "ready")).toEqual(["shop-1-1-1"]);
  expect((await fleet.group(1))?.failed).toBe(0);
});

test("a lost answer of a creation leaves no second server", async () => {
  await using fleet = new TestFleet();
  fleet.world.failNext("create", 1, "lose");
  await fleet.resize(1, 1);
  await fleet.untilReady(1, 1);
  expect([...fleet.world.servers.keys()]).toEqual(["shop-1-1-2"]);
});

test("traffic is shared between releases, and a switch to a warm group is one step", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 3);
  await fleet.resize(2, 1);
  await fleet.untilReady(2, 1);
  expect(fleet.weights()["shop-2-1-1"]).toBe(0);
  await fleet.route([
    { release: 1, share: 0.9 },
    { release: 2, share: 0.1 },
  ]);
  expect(fleet.weights()).toEqual({
    "shop-1-1-1": 256,
    "shop-1-2-1": 256,
    "shop-1-3-1": 256,
    "shop-2-1-1": 85,
  });
  expect((await fleet.group(1))?.share).toBe(0.9);
  const before = fleet.world.calls.filter((c) => c.operation === "apply").length;
  await fleet.route([{ release: 2, share: 1 }]);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 0, "shop-1-2-1": 0, "shop-1-3-1": 0, "shop-2-1-1": 256 });
  expect(fleet.world.calls.filter((c) => c.operation === "apply").length - before).toBe(1);
});

test("a port that is taken changes nothing", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  await fleet.resize(2, 1);
  await fleet.untilReady(2, 1);
  const moved = release(2, { traffic: { mode: "http", listen: 9090, host: undefined } });
  fleet.world.takenPorts.add(9090);
  const routing = fleet.platform.route("shop", [{ release: 2, share: 1 }], [moved], call);
  await expect(routing).rejects.toMatchObject({ code: "port_taken" });
  expect((await fleet.group(1))?.share).toBe(1);
  await fleet.clock.advance(5000);
  expect(fleet.weights()["shop-1-1-1"]).toBe(256);
  expect(fleet.world.routes.get("shop")?.frontends.map((d) => d.listen)).toEqual([8080]);
});

test("servers that fail just before a switch to them are not switched to, and what waits in addition is done", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.resize(2, 1);
  await fleet.untilReady(2, 1);
  fleet.world.behave("shop-2", { status: 500 });
  await fleet.clock.until(async () => (await fleet.ids(2, "ready")).length === 0);
  await expect(fleet.route([{ release: 2, share: 1 }])).rejects.toMatchObject({ code: "server_failed" });
  expect((await fleet.group(1))?.share).toBe(1);
  const lowering = fleet.resize(1, 1);
  const split = fleet.route([1, 2].map((number) => ({ release: number, share: 0.5 })));
  const switching = expect(fleet.route([{ release: 2, share: 1 }])).rejects.toMatchObject({
    code: "server_failed",
  });
  await fleet.clock.advance(500);
  await Promise.all([lowering, split, switching]);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256 });
  expect(fleet.world.servers.has("shop-1-2-1")).toBe(false);
});

test("of two switches at one time the later one counts, and neither fails", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  await fleet.resize(2, 1);
  await fleet.untilReady(2, 1);
  const asked = [2, 1, 2].map((number) => fleet.route([{ release: number, share: 1 }]));
  await fleet.clock.settle(Promise.all(asked));
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 0, "shop-2-1-1": 256 });
});

test("a new controller takes over without a gap: what has traffic is ready, the rest starts over", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 3);
  await fleet.resize(2, 1);
  await fleet.untilReady(2, 1);
  const before = fleet.weights();
  await fleet.restart();
  expect(await fleet.group(1)).toMatchObject({ size: undefined, share: 1 });
  expect(await fleet.ids(1, "ready")).toHaveLength(3);
  expect(await fleet.ids(2, "starting")).toHaveLength(1);
  expect(fleet.weights()).toEqual(before);
  await fleet.clock.advance(10_000);
  expect(fleet.weights()).toEqual(before);
  expect(await fleet.ids(2, "ready")).toHaveLength(1);
  await fleet.resize(1, 0);
  await fleet.route([{ release: 2, share: 1 }]);
  await fleet.untilGone(1);
  expect(fleet.weights()).toEqual({ "shop-2-1-1": 256 });
});

test("a new controller completes what was half made and continues counting attempts", async () => {
  await using fleet = new TestFleet();
  fleet.world.behave("shop-1-1-1", { exitAfterMs: 0 });
  fleet.world.behave("shop-1-2-1", { startMs: 1000 });
  await fleet.resize(1, 2);
  await fleet.clock.advance(500);
  await fleet.restart();
  fleet.world.exit("shop-1-1-2", 1);
  fleet.world.behave("shop-1-2-1", {});
  await fleet.resize(1, 2);
  await fleet.untilReady(1, 2);
  expect(await fleet.ids(1, "ready")).toEqual(["shop-1-2-1", "shop-1-1-3"]);
});

test("who was being stopped when the controller died has not failed, whether it has ended since or not", async () => {
  for (const awayMs of [0, 60_000]) {
    await using fleet = new TestFleet();
    fleet.world.behave("shop-1", { stopMs: 5000 });
    await fleet.serve(1, 2);
    await fleet.resize(2, 2);
    await fleet.untilReady(2, 2);
    await fleet.route([{ release: 2, share: 1 }]);
    await fleet.resize(1, 0, 0);
    await fleet.clock.until(() => fleet.world.servers.get("shop-1-1-1")?.record.retiredAtMs !== undefined);
    await fleet.clock.advance(1000);
    await fleet.restart();
    await fleet.clock.advance(awayMs);
    const failures: unknown[] = [];
    const look = async () => failures.push(...((await fleet.group(1))?.failures ?? []));
    await fleet.clock.until(async () => (await look()) > 0 || fleet.world.servers.size === 2);
    await look();
    expect(failures).toEqual([]);
    expect(fleet.weights()).toEqual({ "shop-2-1-1": 256, "shop-2-2-1": 256 });
  }
});

test("after a restart of the machine every server is made again, and no release is blamed", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.platform[Symbol.asyncDispose]();
  fleet.world.restartMachine();
  await fleet.restart();
  expect(await fleet.group(1)).toMatchObject({ servers: [], remains: ["shop-1-1-1", "shop-1-2-1"] });
  await fleet.serve(1, 2);
  expect(fleet.weights()).toEqual({ "shop-1-1-2": 256, "shop-1-2-2": 256 });
  expect((await fleet.group(1))?.failed).toBe(0);
});

test("observe throws rather than tell a part", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.failNext("list");
  await expect(fleet.platform.observe(call)).rejects.toThrow(/list/);
  fleet.world.failNext("router.observe");
  await expect(fleet.platform.observe(call)).rejects.toThrow(/observe/);
  await expect(fleet.platform.observe(call)).resolves.toMatchObject({ routed: ["shop"] });
});

test("a server that another program removed is replaced", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.servers.delete("shop-1-1-1");
  await fleet.untilReady(1, 1);
  await fleet.clock.until(async () => (await fleet.ids(1, "ready")).includes("shop-1-1-2"));
  expect((await fleet.group(1))?.failures[0]?.reason).toBe("disappeared from its host");
});

test("what a slow host listed says nothing of servers that have come, gone or ended since", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.listMs = 400;
  const first = fleet.platform.observe(call);
  await fleet.resize(1, 2);
  await fleet.clock.advance(100);
  await fleet.platform.destroy("shop-1-1-1", call);
  const { groups } = await fleet.clock.settle(first);
  expect(groups[0]?.servers.map((s) => s.id)).toEqual(["shop-1-2-1", "shop-1-1-2"]);
  await fleet.clock.advance(5000);
  expect([...fleet.world.servers.keys()].sort()).toEqual(["shop-1-1-2", "shop-1-2-1"]);
  fleet.world.listMs = 0;
  expect((await fleet.group(1))?.failed).toBe(0);
});

test("an ended server gives its address free only when the router has forgotten it", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  fleet.world.failNext("apply", 2);
  fleet.world.exit("shop-1-1-1", 1);
  await fleet.clock.advance(500);
  expect(fleet.weights()["shop-1-1-1"]).toBe(256);
  expect(fleet.world.servers.get("shop-1-1-1")?.released).toBe(false);
  await fleet.clock.advance(5000);
  expect(fleet.weights()).toEqual({ "shop-1-1-2": 256, "shop-1-2-1": 256 });
  expect(fleet.world.servers.get("shop-1-1-1")?.released).toBe(true);
});

test("a router that lost its routes gets them back", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  fleet.world.routes.clear();
  await fleet.platform.observe(call);
  await fleet.clock.advance(0);
  expect(fleet.weights()).toEqual({ "shop-1-1-1": 256, "shop-1-2-1": 256 });
});

test("a service is still routed while the router gets back what it has lost", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  fleet.world.failNext("router.apply", 1);
  fleet.world.routes.clear();
  await fleet.platform.observe(call);
  expect((await fleet.platform.observe(call)).routed).toEqual(["shop"]);
});

test("a quarantined server leaves the router for good and its place is filled", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.platform.quarantine("shop-1-1-1", taint, call);
  expect(Object.keys(fleet.weights())).toEqual(["shop-1-2-1"]);
  await fleet.clock.advance(1000);
  expect(Object.keys(fleet.weights())).toEqual(["shop-1-1-2", "shop-1-2-1"]);
  expect(await fleet.ids(1, "quarantined")).toEqual(["shop-1-1-1"]);
  await fleet.platform.destroy("shop-1-1-1", call);
  expect(fleet.world.servers.has("shop-1-1-1")).toBe(false);
});

test("a server in quarantine is destroyed in the end, although the host fails at first", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.platform.quarantine("shop-1-1-1", taint, call);
  fleet.world.failNext("destroy", 2);
  await expect(fleet.platform.destroy("shop-1-1-1", call)).rejects.toThrow();
  await fleet.clock.until(() => !fleet.world.servers.has("shop-1-1-1"));
});

test("a new controller leaves the router as it is when it finds a server in quarantine", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.platform.quarantine("shop-1-1-1", taint, call);
  await fleet.untilReady(1, 2);
  fleet.world.calls.length = 0;
  await fleet.restart();
  await fleet.platform.observe(call);
  expect(fleet.world.calls.filter((c) => c.operation === "remove")).toEqual([]);
});

test("a step that keeps failing is reported with its reason, until it succeeds", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  const warnings = async () => (await fleet.platform.observe(call)).warnings;
  fleet.world.failNext("destroy", 6);
  await fleet.resize(1, 0);
  await fleet.clock.advance(5_000);
  expect(await warnings()).toEqual([]);
  await fleet.clock.advance(15_000);
  expect(await warnings()).toEqual([
    {
      service: "shop",
      message: expect.stringMatching(/^Destroying shop-1-1-1 fails: ./),
      hint: "Kiln repeats it.",
    },
  ]);
  await fleet.clock.advance(120_000);
  expect(await warnings()).toEqual([]);
  expect(fleet.world.servers.size).toBe(0);
});

test("destroy takes a server out of traffic first, and knows no unknown server", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  await fleet.restart();
  await fleet.platform.destroy("shop-1-1-1", call);
  expect(fleet.weights()).toEqual({});
  expect(fleet.world.servers.size).toBe(0);
  await fleet.platform.destroy("shop-1-1-1", call);
  expect(await fleet.group(1)).toMatchObject({ servers: [] });
});

test("a service without a way in has shares all the same", async () => {
  await using fleet = new TestFleet();
  const worker = release(1, { traffic: undefined });
  await fleet.platform.resize({ release: worker, drainMs: 0 }, 1, call);
  await fleet.untilReady(1, 1);
  await fleet.platform.route("shop", [{ release: 1, share: 1 }], [worker], call);
  expect(await fleet.platform.observe(call)).toMatchObject({ routed: ["shop"], groups: [{ share: 1 }] });
  expect(fleet.world.routes.size).toBe(0);
  await fleet.platform.route("shop", [], [], call);
  expect(await fleet.platform.observe(call)).toMatchObject({ routed: [], groups: [{ share: 0 }] });
});

test("while releases with different checks share one router it only connects", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  const health = { ...release(2).health, check: { kind: "http" as const, path: "/health" } };
  await fleet.platform.resize({ release: release(2, { health }), drainMs: 0 }, 1, call);
  await fleet.untilReady(2, 1);
  await fleet.clock.advance(10);
  expect(fleet.world.routes.get("shop")?.health.check).toEqual({ kind: "tcp" });
  await fleet.platform.route("shop", [{ release: 2, share: 1 }], [release(2, { health })], call);
  await fleet.resize(1, 0);
  await fleet.untilGone(1);
  expect(fleet.world.routes.get("shop")?.health.check).toEqual({ kind: "http", path: "/health" });
});

test("a group of none keeps the frontend, a new controller leaves it open, and servers come back to it", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.resize(1, 0);
  await fleet.untilGone(1);
  await fleet.restart();
  const open = await fleet.platform.observe(call);
  expect(open).toMatchObject({ routed: ["shop"], groups: [] });
  await fleet.platform.route("shop", [{ release: 1, share: 1 }], [release(1)], call);
  expect(await fleet.platform.observe(call)).toMatchObject({
    routed: ["shop"],
    groups: [{ share: 1, servers: [] }],
  });
  expect(fleet.world.routes.get("shop")).toMatchObject({ frontends: [release(1).traffic], upstreams: [] });
  await fleet.resize(1, 1);
  await fleet.untilReady(1, 1);
  await fleet.clock.advance(100);
  expect(Object.values(fleet.weights())).toEqual([256]);
});

test("watchers hear of changes until they stop listening", async () => {
  await using fleet = new TestFleet();
  const heard: string[] = [];
  const watch = fleet.platform.watch((service) => heard.push(service));
  await fleet.resize(1, 1);
  await fleet.clock.advance(100);
  expect(new Set(heard)).toEqual(new Set(["shop"]));
  watch[Symbol.dispose]();
  const count = heard.length;
  fleet.world.exit("shop-1-1-1", 1);
  await fleet.clock.advance(1000);
  expect(heard).toHaveLength(count);
});

test("a disposed fleet sleeps no more and leaves servers and routes alone", async () => {
  const fleet = new TestFleet();
  await fleet.serve(1, 2);
  await fleet.platform[Symbol.asyncDispose]();
  expect(fleet.clock.sleepers).toBe(0);
  expect(fleet.world.servers.size).toBe(2);
  expect(Object.keys(fleet.weights())).toHaveLength(2);
});

test("preflight finds a taken port and an image that is gone before anything is made", async () => {
  await using fleet = new TestFleet();
  fleet.world.takenPorts.add(8080);
  await expect(fleet.platform.preflight?.(release(1), call)).rejects.toMatchObject({ code: "port_taken" });
  fleet.world.missingImages.add(release(2).image);
  await expect(fleet.platform.preflight?.(release(2), call)).rejects.toMatchObject({ code: "image_unknown" });
  const unbuilt = { ...release(2), image: undefined };
  await expect(fleet.platform.preflight?.(unbuilt, call)).rejects.toMatchObject({ code: "port_taken" });
  fleet.world.takenPorts.clear();
  await fleet.platform.preflight?.(unbuilt, call);
  fleet.world.failNext("prepare");
  await fleet.platform.preflight?.(release(1), call);
  await expect(fleet.platform.publish?.(release(1), call)).rejects.toThrow("prepare");
});

test("what the router warns of is observed; when it can't say, the rest is observed all the same", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  const warning = { service: "shop", message: "The certificate expires.", hint: "Renew it." };
  fleet.world.warnings.push(warning);
  expect((await fleet.platform.observe(call)).warnings).toEqual([warning]);
  fleet.world.failNext("renew");
  expect(await fleet.platform.observe(call)).toMatchObject({ warnings: [], routed: ["shop"] });
});

test("what is wrong with the machine is a warning of no service alone", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 1);
  const trouble = { message: "The bridge was deleted. Kiln repaired it.", hint: undefined };
  fleet.world.troubles.push(trouble);
  expect((await fleet.platform.observe(call)).warnings).toEqual([{ service: undefined, ...trouble }]);
});

test("a server that nothing reaches any more fails at once, with the cause, and is replaced", async () => {
  await using fleet = new TestFleet();
  await fleet.serve(1, 2);
  const server = fleet.world.servers.get("shop-1-1-1");
  assert(server);
  server.record = { ...server.record, lost: "its network link was deleted" };
  await fleet.platform.observe(call);
  await fleet.clock.advance(10);
  const [group] = (await fleet.platform.observe(call)).groups;
  expect(group?.failures).toMatchObject([
    { id: "shop-1-1-1", kind: "unready", reason: "cannot be reached: its network link was deleted" },
  ]);
  await fleet.untilReady(1, 2);
  expect((await fleet.ids(1, "ready")).toSorted()).toEqual(["shop-1-1-2", "shop-1-2-1"]);
});
