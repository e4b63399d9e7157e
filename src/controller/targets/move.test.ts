import { describe, expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { type TestTargets, testTargets } from "./testing.ts";

const service = "shop";
const by = anAsker();

const serversOn = (t: TestTargets, name: string) => [...t.world(name).servers.keys()].sort();
const isOpen = (t: TestTargets, name: string) =>
  t
    .world(name)
    .routes.get(service)
    ?.frontends.some((frontend) => !frontend.closed) ?? false;
/** Which servers get requests there; none: the port is closed. */
const trafficOn = (t: TestTargets, name: string) => {
  const { upstreams = [] } = t.world(name).routes.get(service) ?? {};
  return isOpen(t, name) ? upstreams.filter(({ weight }) => weight > 0).map(({ id }) => id) : [];
};
const one = ["shop-1-1-1", "shop-1-2-1"];
const two = ["shop-2-1-1", "shop-2-2-1"];

async function moveTo(t: TestTargets, target: string): Promise<void> {
  await t.clock.settle(t.controller.move({ service, target }, by));
  await t.clock.until(() => t.store.desired(service)?.rollout?.phase === "paused");
}

/** Hands it over, or aborts, and waits for the end of that. */
async function end(t: TestTargets, how: "promote" | "abort"): Promise<void> {
  await t.clock.settle(t.controller[how]({ service }, by));
  await t.settled(service);
}

test("a move brings up servers elsewhere and leaves what serves alone until it is handed over; then the port changes hands", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  await moveTo(t, "north");
  expect([serversOn(t, "local"), trafficOn(t, "local")]).toEqual([one, one]);
  expect([serversOn(t, "north"), trafficOn(t, "north")]).toEqual([two, []]);
  const arriving = await t.status(service);
  expect(arriving).toMatchObject({ target: { name: "local" }, serving: { number: 1 } });
  expect(arriving.move).toMatchObject({ target: { name: "north" }, phase: "arriving", release: 2 });
  expect(arriving.servers.map(({ id }) => id)).toEqual([...one, ...two]);

  await end(t, "promote");
  await t.clock.until(() => trafficOn(t, "local").length === 0);
  expect([serversOn(t, "north"), trafficOn(t, "north")]).toEqual([two, two]);
  expect(serversOn(t, "local")).toEqual(one);
  const left = await t.status(service);
  expect(left).toMatchObject({ target: { name: "north" }, serving: { number: 2 } });
  expect(left.move).toMatchObject({ target: { name: "local" }, phase: "left", release: 1 });

  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "local"), serversOn(t, "north")]).toEqual([[], two]);
  expect((await t.status(service)).move).toBeUndefined();
  await t.deployed(service, 3, { target: "north" });
  expect(t.store.desired(service)).toMatchObject({ target: "north", serving: 3 });
});

test("where ways in are the target's own, it serves there before it is handed over, and here for a time after that", async () => {
  await using t = await testTargets();
  t.hasOwnPorts("cloud");
  await t.add("cloud");
  await t.deployed(service, 1);
  const change = { kind: "move", target: "cloud" } as const;
  const plan = await t.clock.settle(t.controller.plan({ service, change }, by));
  expect(plan).toMatchObject({ target: "cloud", changes: ["target: local -> cloud"], downtime: "none" });
  expect(plan.byHand?.[1]).toMatch(/^send its users there: change the DNS records/);
  await moveTo(t, "cloud");
  expect([trafficOn(t, "local"), trafficOn(t, "cloud")]).toEqual([one, two]);
  await end(t, "promote");
  await t.clock.advance(60_000);
  expect([trafficOn(t, "local"), trafficOn(t, "cloud")]).toEqual([one, two]);
  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "local"), trafficOn(t, "cloud")]).toEqual([[], two]);
});

test("an aborted move leaves nothing there, and a move back uses the servers that are still kept", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  await moveTo(t, "north");
  await end(t, "abort");
  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "local"), trafficOn(t, "local"), serversOn(t, "north")]).toEqual([one, one, []]);
  expect(t.store.rollouts(service)[0]).toMatchObject({ kind: "move", phase: "rolled-back" });
  expect(t.store.desired(service)).toMatchObject({ target: "local", serving: 1 });

  await moveTo(t, "north");
  await end(t, "promote");
  await t.clock.until(() => trafficOn(t, "local").length === 0);
  await moveTo(t, "local");
  expect(t.store.desired(service)?.rollout?.to).toBe(1);
  await end(t, "promote");
  expect(t.store.desired(service)).toMatchObject({ target: "local", serving: 1, move: { target: "north" } });
  expect([serversOn(t, "local"), trafficOn(t, "local")]).toEqual([one, one]);
});

test("servers that fail there end the move, and nothing changes here", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  t.world("north").behave("*", { exitAfterMs: 10, exitCode: 3 });
  await t.clock.settle(t.controller.move({ service, target: "north" }, by));
  await t.settled(service);
  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "local"), trafficOn(t, "local"), serversOn(t, "north")]).toEqual([one, one, []]);
});

test("a move continues under the next controller, wherever the one before ended", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  const again = async () => {
    await t.stop();
    await t.start();
  };
  await t.clock.settle(t.controller.move({ service, target: "north" }, by));
  await again();
  await t.clock.until(() => t.store.desired(service)?.rollout?.phase === "paused");
  await again();
  await t.clock.settle(t.controller.promote({ service }, by));
  await again();
  await t.settled(service);
  await again();
  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "local"), serversOn(t, "north"), trafficOn(t, "north")]).toEqual([[], two, two]);
});

test("a service that moves can be removed; it goes from both targets", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  await moveTo(t, "north");
  await t.controller.remove({ service }, by);
  await t.clock.until(() => t.store.desired(service) === undefined);
  expect([serversOn(t, "local"), serversOn(t, "north")]).toEqual([[], []]);
});

test("a target that is down holds up neither the other one nor its abort, and not what comes after that", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  await moveTo(t, "north");
  t.set("north", "down");
  await t.clock.settle(t.controller.scale({ service, count: 3 }, by));
  await t.clock.until(() => t.world("local").servers.size === 3);
  await t.clock.settle(t.controller.abort({ service }, by));
  await expect(t.deploy(service, 3)).rejects.toMatchObject({ hint: expect.stringContaining("--supersede") });
  await t.deployed(service, 3, { supersede: true });
  expect(t.store.desired(service)).toMatchObject({ target: "local", serving: 3, move: { release: 2 } });
  expect(serversOn(t, "north")).toEqual(two);
  t.set("north", "up");
  await t.clock.until(() => t.store.desired(service)?.move === undefined);
  expect([serversOn(t, "north"), trafficOn(t, "local")]).toEqual([[], ["shop-3-1-1", "shop-3-2-1"]]);
});

describe("a target that is dead after the service has left it", () => {
  const giveUp = (t: TestTargets, target: string) =>
    t.clock.settle(t.controller.giveUp({ service, target }, by));
  async function left(target: string, ...others: readonly string[]): Promise<TestTargets> {
    const t = await testTargets(target, ...others);
    await t.deployed(service, 1, { target });
    await moveTo(t, "local");
    t.set(target, "down");
    await end(t, "promote");
    return t;
  }

  test("holds up no other move once it is given up, and is cleared when it answers again", async () => {
    await using t = await left("north", "south");
    const move = t.clock.settle(t.controller.move({ service, target: "south" }, by));
    await expect(move).rejects.toMatchObject({ hint: expect.stringContaining("--give-up north") });
    const change = { kind: "give-up", target: "north" } as const;
    const plan = await t.clock.settle(t.controller.plan({ service, change }, by));
    expect(plan).toMatchObject({ actions: [], downtime: "none" });
    expect(plan.byHand?.[0]).toBe("servers of release 1 may still run on north: shop-1-1-1, shop-1-2-1");
    expect(plan.byHand?.[1]).toContain(`may still answer at port ${8_000 + service.charCodeAt(0)}`);
    expect(t.store.desired(service)?.move?.target).toBe("north");

    await giveUp(t, "north");
    await giveUp(t, "north"); // changes nothing
    expect(t.store.events({ service }).filter(({ kind }) => kind === "service.given-up")).toHaveLength(1);
    const given = await t.status(service);
    expect(given).toMatchObject({ givenUp: [{ target: "north", release: 1 }] });
    expect(given.move).toBeUndefined();
    await moveTo(t, "south");
    await end(t, "promote");
    await t.clock.until(() => t.store.desired(service)?.move === undefined);
    const sizes = ["north", "local", "south"].map((name) => serversOn(t, name).length);
    expect(sizes).toEqual([2, 0, 2]);

    await t.stop();
    await t.start();
    t.set("north", "up");
    await t.clock.until(() => t.store.desired(service)?.givenUp === undefined);
    expect([serversOn(t, "north"), isOpen(t, "north")]).toEqual([[], false]);
    expect((await t.status(service)).givenUp).toBeUndefined();
    await moveTo(t, "north");
    expect(trafficOn(t, "south")).toHaveLength(2);
  });

  test("can be removed with what is there, and does not hold up the removal of the service", async () => {
    await using t = await left("north");
    await expect(t.controller.removeTarget({ target: "north" }, by)).rejects.toMatchObject({
      code: "target_in_use",
    });
    await giveUp(t, "north");
    await t.controller.removeTarget({ target: "north" }, by);
    expect(t.store.desired(service)?.givenUp).toBeUndefined();
    await t.add("west");
    await moveTo(t, "west");
    t.set("west", "down");
    await t.clock.settle(t.controller.abort({ service }, by));
    await giveUp(t, "west");
    expect(t.store.rollouts(service)[0]).toMatchObject({ kind: "move", phase: "superseded" });
    await t.controller.remove({ service }, by);
    await t.clock.until(() => t.store.desired(service) === undefined);
    const gone = t.store.events({ service }).find(({ kind }) => kind === "service.gone");
    expect(gone?.message).toBe("Nothing of shop is left, except what may still run on west.");
  });

  test("is given up by a service that is being removed, which waits for nothing else", async () => {
    await using t = await left("north");
    await t.controller.remove({ service }, by);
    await t.clock.advance(60_000);
    expect(t.store.desired(service)).toMatchObject({ removed: true, move: { target: "north" } });
    await giveUp(t, "north");
    await t.clock.until(() => t.store.desired(service) === undefined);
  });

  test("is given up only where there is something, no move goes there, and it does not answer", async () => {
    await using t = await testTargets("north");
    await t.deployed(service, 1);
    t.set("north", "down");
    await expect(giveUp(t, "north")).rejects.toMatchObject({
      message: "shop has nothing on the target north to give up.",
    });
    await expect(giveUp(t, "nroth")).rejects.toMatchObject({ code: "target_unknown" });
    t.set("north", "up");
    await moveTo(t, "north");
    t.set("north", "down");
    await expect(giveUp(t, "north")).rejects.toMatchObject({ code: "rollout_running" });
    t.set("north", "up");
    await end(t, "promote");
    await expect(giveUp(t, "local")).rejects.toMatchObject({
      message: expect.stringContaining("The target local answers"),
    });
    expect(t.store.desired(service)).toMatchObject({ givenUp: undefined, move: { target: "local" } });
  });

  test("has jobs that run there counted as failed, and does not hold up their next run", async () => {
    await using t = await testTargets("north");
    await t.deployed(service, 1, { target: "north" });
    t.world("north").behave("run", { exitAfterMs: 60 * 60_000, exitCode: 0 });
    await t.clock.settle(t.controller.runJob({ service, command: ["/app", "export"] }, by));
    const runs = () => t.store.desired(service)?.runs ?? [];
    await t.clock.until(() => runs().some(({ startedAtMs }) => startedAtMs !== undefined));
    await moveTo(t, "local");
    t.set("north", "down");
    await end(t, "promote");
    await giveUp(t, "north");
    expect(runs()).toMatchObject([
      { end: { outcome: "failed", reason: "was given up with the target north; its result is unknown" } },
    ]);
  });
});

test("a port that both targets have open is closed on the one that is cleared before its servers go", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1, { policy: aPolicy({ bakeMs: 60_000, drainMs: 100, keepWarmMs: 0 }) });
  await moveTo(t, "north");
  await t.clock.settle(t.controller.promote({ service }, by));
  await t.clock.until(() => trafficOn(t, "north").length === 2);
  t.set("north", "down");
  await t.clock.settle(t.controller.abort({ service }, by));
  await t.deployed(service, 3, { supersede: true });
  const servers = new Set<number>();
  t.set("north", "up");
  await t.clock.until(() => {
    if (isOpen(t, "north")) servers.add(trafficOn(t, "north").length);
    return t.store.desired(service)?.move === undefined;
  });
  expect([...servers]).toEqual([2]);
  expect([serversOn(t, "north"), isOpen(t, "north")]).toEqual([[], false]);
});

test("a job that runs stays where it has begun, also when the service has moved there and back", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  t.world("local").behave("run", { exitAfterMs: 60_000, exitCode: 0 });
  await t.clock.settle(t.controller.runJob({ service, command: ["/app", "export"] }, by));
  const runs = () => t.store.desired(service)?.runs ?? [];
  await t.clock.until(() => runs().some(({ startedAtMs }) => startedAtMs !== undefined));
  for (const target of ["north", "local"]) {
    await moveTo(t, target);
    await end(t, "promote");
    const [job] = await t.clock.settle(t.controller.jobs({ service }));
    expect(job?.runs).toMatchObject([{ state: "running", log: expect.any(String) }]);
  }
  expect(runs()).toMatchObject([{ target: "local", end: undefined }]);
  await t.clock.until(() => runs().every((run) => run.end !== undefined));
  expect(runs()).toMatchObject([{ end: { outcome: "succeeded", exitCode: 0 } }]);
});

test("what cannot move is refused with the remedy, and so is what does not go with a move", async () => {
  await using t = await testTargets("north", "south");
  await t.deployed(service, 1);
  const move = (name: string, target: string) =>
    t.clock.settle(t.controller.move({ service: name, target }, by));
  await expect(move(service, "local")).rejects.toMatchObject({ code: "move_impossible" });
  await expect(move(service, "nroth")).rejects.toMatchObject({ code: "target_unknown" });
  await expect(move("blog", "north")).rejects.toMatchObject({ code: "service_unknown" });
  await t.deployed("alone", 1, { policy: aPolicy({ strategy: "recreate", bakeMs: 0 }), count: 1 });
  await expect(move("alone", "north")).rejects.toMatchObject({
    code: "move_impossible",
    message:
      "Servers of alone never run at the same time as their successors (`strategy: recreate`), and a move needs both.",
  });
  const { traffic } = t.store.releases(service)[0] ?? {};
  const neighbour = {
    ...draftOf(aRelease(1, { traffic: traffic && { ...traffic, host: "blog.example" } })),
    files: [],
  };
  await t.deployed("blog", 1, { draft: neighbour });
  await expect(move(service, "north")).rejects.toMatchObject({
    message: expect.stringContaining("with blog"),
  });
  await t.controller.remove({ service: "blog" }, by);
  await t.clock.until(() => t.store.desired("blog") === undefined);

  await moveTo(t, "north");
  await expect(t.deploy(service, 9, { supersede: true })).rejects.toMatchObject({ code: "rollout_running" });
  await expect(move(service, "south")).rejects.toMatchObject({ code: "rollout_running" });
  await expect(t.controller.removeTarget({ target: "north" }, by)).rejects.toMatchObject({
    code: "target_in_use",
  });
  await end(t, "promote");
  const rollback = (release?: number) => t.clock.settle(t.controller.rollback({ service, release }, by));
  await expect(rollback(1)).rejects.toMatchObject({
    hint: expect.stringContaining("`kiln move shop --target local`"),
  });
  await expect(rollback()).rejects.toMatchObject({ message: "No earlier release of shop has served." });
  await expect(move(service, "south")).rejects.toMatchObject({ code: "move_impossible", retry: true });
});

test("a move begins only when its plan is approved, where a policy asks for that", async () => {
  await using t = await testTargets("north");
  await t.deployed(service, 1);
  const text = "policies:\n  none:\n    approvals: {count: 1}\n";
  await t.controller.setPolicy({ name: "policy.yaml", text }, by);
  const change = { kind: "move", target: "north" } as const;
  const { digest } = await t.clock.settle(t.controller.plan({ service, change }, by));
  const move = () => t.clock.settle(t.controller.move({ service, target: "north" }, by));
  await expect(move()).rejects.toMatchObject({
    ...{ code: "policy_refused", problems: [{ hint: expect.stringContaining(`kiln approve ${digest}`) }] },
  });
  const ben = { via: "socket", name: "ben", uid: 1001 } as const;
  await t.controller.approve({ plan: digest }, { actor: ben });
  expect((await move()).admission).toMatchObject({ plan: digest, rules: [{ passed: true }] });
});
