import { afterEach, describe, expect, test } from "vitest";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import { anAsker, aPolicy, minute } from "../../domain/testing.ts";
import type { ServiceStatus } from "../operations.ts";
import { TestInstallation } from "../testing.ts";

let t: TestInstallation;
const by = anAsker("eve@example");
afterEach(async () => t[Symbol.asyncDispose]());

const releasesOf = ({ servers }: ServiceStatus) => [...new Set(servers.map((s) => s.release))].sort();
const rollout = async () => (await t.status()).rollout;

interface Phase {
  readonly name: string;
  readonly policy?: Partial<RolloutPolicy>;
  /** How the servers of release 2 are. */
  readonly never?: "ready";
  readonly reached: () => Promise<boolean>;
}

const hasServers = async () => releasesOf(await t.status()).includes(2);
const someTraffic = async () => (await t.status()).servers.some((s) => s.release === 2 && s.inTraffic);
const allTraffic = async () =>
  (await t.status()).servers.every((s) => !s.inTraffic || s.release === 2) && (await someTraffic());
const isPaused = async () => (await rollout())?.phase === "paused";
const isBack = async () => (await rollout())?.phase === "back";

const phases: readonly Phase[] = [
  { name: "before there is a server", reached: async () => true },
  { name: "while its servers start", reached: hasServers },
  { name: "while its servers never become ready", never: "ready", reached: hasServers },
  { name: "while the traffic moves", reached: someTraffic },
  { name: "in the bake time", policy: { strategy: "blue-green" }, reached: allTraffic },
  {
    name: "while a canary holds",
    policy: { strategy: "canary", steps: [{ share: 0.4, holdMs: 5 * minute }] },
    reached: someTraffic,
  },
  {
    name: "while it waits for its promotion",
    policy: { strategy: "blue-green", promote: "manual" },
    reached: isPaused,
  },
  { name: "while the only servers are stopped", policy: { strategy: "recreate" }, reached: async () => true },
  {
    name: "after it has been paused by its failures",
    policy: { onFailure: "stop", progressDeadlineMs: minute },
    never: "ready",
    reached: isPaused,
  },
  { name: "on its way back", policy: { progressDeadlineMs: minute }, never: "ready", reached: isBack },
];

/** Aborts twice; the second time changes nothing, and after the end there is nothing to abort. */
async function abortTwice(id: number | undefined): Promise<void> {
  const first = await t.controller.abort({ service: "shop" }, by);
  expect(first).toMatchObject({ id, phase: "back" });
  await t.clock.advance(10);
  const again = await t.controller.abort({ service: "shop" }, by).catch(({ code }: { code: string }) => code);
  if (again !== "rollout_none") expect(again).toMatchObject({ id, phase: "back", reason: first.reason });
  await t.settled();
  await expect(t.controller.abort({ service: "shop" }, by)).rejects.toMatchObject({ code: "rollout_none" });
}

describe("abort works twice", () => {
  test.each(phases)("$name", async ({ policy, never, reached }) => {
    t = new TestInstallation();
    await t.deployed(1);
    if (never === "ready") t.world.behave("shop-2", { readyMs: Number.POSITIVE_INFINITY });
    const accepted = await t.deploy(2, { policy: aPolicy(policy) });
    await t.clock.until(reached, 10 * minute);
    await abortTwice(accepted.rollout);
    const status = await t.status();
    expect([status.serving?.number, t.world.request("shop")?.slice(0, 6)]).toEqual([1, "shop-1"]);
    await t.clock.until(async () => releasesOf(await t.status()).join() === "1", 10 * minute);
  });

  test.each([
    ["a group that is warm", 0],
    ["a group that is gone", 20 * minute],
  ])("during a rollback to %s: the newer release continues serving", async (_, laterMs) => {
    t = new TestInstallation();
    await t.deployed(1);
    await t.deployed(2);
    await t.clock.advance(laterMs);
    const back = await t.controller.rollback({ service: "shop" }, by);
    await abortTwice(back.rollout);
    expect((await t.status()).serving?.number).toBe(2);
    expect(t.world.request("shop")).toMatch(/^shop-2-/);
  });

  test("of the first release: nothing is left", async () => {
    t = new TestInstallation();
    const { rollout: id } = await t.deploy(1);
    await t.clock.advance(100);
    await abortTwice(id);
    expect(await t.status()).toMatchObject({ serving: undefined, servers: [] });
  });

  test("by a controller that was killed in between", async () => {
    t = new TestInstallation();
    await t.deployed(1);
    const { rollout: id } = await t.deploy(2);
    await t.clock.until(someTraffic, minute);
    await t.controller.abort({ service: "shop" }, by);
    await t.stop();
    t.start();
    await abortTwice(id);
    expect((await t.status()).serving?.number).toBe(1);
  });
});

describe("a controller that was away for longer than every deadline", () => {
  const policy = aPolicy({ progressDeadlineMs: minute });
  const away = async () => {
    await t.stop();
    await t.clock.advance(60 * minute);
    t.start();
  };

  test("gives the rollout a fresh look: it continues, and ends well", async () => {
    t = new TestInstallation();
    await t.deployed(1);
    t.world.behave("shop-2", { startMs: 20_000 });
    await t.deploy(2, { policy });
    await t.clock.until(hasServers, minute);
    await away();
    expect((await t.settled()).serving?.number).toBe(2);
    expect((await t.controller.history({ service: "shop" })).rollouts[0]).toMatchObject({
      to: 2,
      phase: "complete",
    });
  });

  test("the deadline counts from there: in full, and then it is over", async () => {
    t = new TestInstallation();
    await t.deployed(1);
    t.world.behave("shop-2", { readyMs: Number.POSITIVE_INFINITY });
    await t.deploy(2, { policy });
    await t.clock.until(hasServers, minute);
    await away();
    await t.clock.advance(minute - 2000);
    expect((await rollout())?.phase).toBe("forward");
    await t.clock.advance(4000);
    expect((await t.settled()).serving?.number).toBe(1);
    expect((await t.controller.history({ service: "shop" })).rollouts[0]).toMatchObject({
      to: 2,
      phase: "rolled-back",
    });
  });

  test("also on the way back", async () => {
    t = new TestInstallation();
    await t.deployed(1);
    await t.clock.advance(10 * minute);
    await t.deploy(2, { policy: { ...policy, strategy: "recreate" } });
    await t.clock.until(hasServers, 10 * minute);
    t.world.behave("shop-1", { readyMs: 20_000 });
    await t.controller.abort({ service: "shop" }, by);
    await away();
    expect((await t.settled()).serving?.number).toBe(1);
    expect((await t.controller.history({ service: "shop" })).rollouts[0]).toMatchObject({
      to: 2,
      phase: "rolled-back",
    });
  });
});

test("a hold does not last longer because the clock was set back while no controller ran", async () => {
  t = new TestInstallation();
  await t.deployed(1);
  await t.deploy(2, { policy: aPolicy({ strategy: "blue-green", bakeMs: minute }) });
  await t.clock.until(allTraffic, minute);
  await t.stop();
  t.clock.set(-60 * minute);
  t.start();
  await t.clock.until(async () => (await rollout()) === undefined, 3 * minute);
  expect((await t.status()).serving?.number).toBe(2);
});

test("nor does one that someone has resumed", async () => {
  t = new TestInstallation();
  await t.deployed(1);
  await t.deploy(2, { policy: aPolicy({ strategy: "blue-green", bakeMs: minute }) });
  await t.clock.until(allTraffic, minute);
  await t.controller.pause({ service: "shop" }, by);
  await t.clock.advance(30 * minute);
  await t.controller.resume({ service: "shop" }, by);
  await t.stop();
  t.clock.set(-20 * minute);
  t.start();
  await t.clock.until(async () => (await rollout()) === undefined, 3 * minute);
  expect((await t.status()).serving?.number).toBe(2);
});
