import { afterEach, expect, test } from "vitest";
import { aFinding, anAsker, aPolicy, minute, second } from "../../domain/testing.ts";
import { findProcess } from "../../lib/process/proc.ts";
import { TestInstallation } from "../testing.ts";

const hour = 60 * minute;
const ways = [
  ["forward", hour],
  ["back", -hour],
] as const;

let t: TestInstallation;
afterEach(() => t[Symbol.asyncDispose]());

const running = () => t.store.desired("shop")?.rollout;

async function settledIn(): Promise<number> {
  const fromMs = t.clock.elapsed();
  await t.settled();
  return t.clock.elapsed() - fromMs;
}

test.each(ways)("a clock that is set %s is reported once, and shown from then on", async (way, byMs) => {
  t = new TestInstallation();
  await t.deployed(1);
  t.clock.set(byMs);
  await t.clock.advance(30 * second);
  const told = t.store.events().filter(({ kind }) => kind === "clock.stepped");
  expect(told).toMatchObject([{ data: { byMs }, message: expect.stringContaining(`${way} by 60 min`) }]);
  t.store.setCount("shop", 2, anAsker());
  expect(t.store.events({ newest: 1 })[0]?.atMs).toBe(t.clock.now());
});

test.each(ways)("a hold lasts as long as it has to when the clock is set %s", async (_way, byMs) => {
  t = new TestInstallation();
  await t.deployed(1);
  await t.deploy(2, { policy: aPolicy({ strategy: "blue-green", bakeMs: 10 * minute }) });
  await t.clock.until(() => running()?.movedAtMs !== undefined);
  await t.clock.advance(4 * minute);
  t.clock.set(byMs);
  const ms = await settledIn();
  expect(t.store.desired("shop")?.serving).toBe(2);
  expect(ms).toBeGreaterThan(6 * minute - 10 * second);
  expect(ms).toBeLessThan(6 * minute + 10 * second);
});

test.each(ways)(
  "a rollout that waits for servers has its time when the clock is set %s",
  async (_way, byMs) => {
    t = new TestInstallation();
    await t.deployed(1);
    t.world.behave("shop-2", { readyMs: Number.POSITIVE_INFINITY });
    await t.deploy(2, { policy: aPolicy({ progressDeadlineMs: 2 * minute }) });
    await t.clock.advance(minute);
    t.clock.set(byMs);
    const ms = await settledIn();
    expect(t.store.rollouts("shop")[0]).toMatchObject({ to: 2, phase: "rolled-back" });
    expect(ms).toBeGreaterThan(50 * second);
    expect(ms).toBeLessThan(5 * minute);
  },
);

test.each(ways)("failures that a person forgave stay so when the clock is set %s", async (_way, byMs) => {
  t = new TestInstallation();
  await t.deployed(1);
  t.world.behave("shop-2", { exitAfterMs: 100 });
  await t.deploy(2, { policy: aPolicy({ onFailure: "stop" }) });
  await t.clock.until(() => running()?.phase === "paused");
  t.world.behave("shop-2", {});
  await t.controller.resume({ service: "shop" }, anAsker("ada@example"));
  t.clock.set(byMs);
  await t.settled();
  expect(t.store.desired("shop")?.serving).toBe(2);
});

test.each(ways)(
  "a release is kept warm as long as it was to be when the clock is set %s",
  async (_way, byMs) => {
    t = new TestInstallation();
    await t.deployed(1);
    await t.deployed(2, { policy: aPolicy({ strategy: "blue-green", keepWarmMs: 5 * minute, bakeMs: 0 }) });
    t.clock.set(byMs);
    await t.clock.advance(4 * minute);
    expect(t.store.desired("shop")?.warm).toHaveLength(1);
    await t.clock.advance(minute + 10 * second);
    expect(t.store.desired("shop")?.warm).toEqual([]);
  },
);

test.each(ways)("a session is not ended because the clock is set %s", async (_way, byMs) => {
  t = new TestInstallation();
  await t.deployed(1);
  const process = findProcess(globalThis.process.pid);
  if (process === undefined) throw new Error("this process runs");
  t.store.openSession({
    ...{ service: "shop", server: "shop-1-1-1", actor: anAsker().actor, reason: "to look" },
    ...{ command: ["sh"], process },
    taint: undefined,
  });
  const before = t.store.sessions()[0]?.startedAtMs ?? 0;
  t.clock.set(9 * byMs);
  await t.clock.advance(10 * second);
  expect(t.store.sessions()).toMatchObject([{ startedAtMs: before + 9 * byMs }]);
});

test.each(ways)(
  "a burst of drift suspends as long as it has to when the clock is set %s",
  async (_way, byMs) => {
    t = new TestInstallation();
    await t.deployed(1);
    for (let slot = 1; slot <= 11; slot++) {
      const finding = aFinding({ server: `shop-1-${slot}-1` });
      t.store.taint({ service: "shop", finding, response: "quarantine", take: false, why: "" });
    }
    const leftMs = () => (t.store.desired("shop")?.suspendedUntilMs ?? 0) - t.clock.now();
    const before = leftMs();
    expect(before).toBeGreaterThan(minute);
    t.clock.set(byMs);
    await t.clock.advance(10 * second);
    expect(leftMs()).toBe(before - 10 * second);
  },
);

test("a clock that was set back while no controller ran holds nothing up", async () => {
  t = new TestInstallation();
  await t.deployed(1);
  await t.deploy(2, { policy: aPolicy({ strategy: "blue-green", bakeMs: minute }) });
  await t.clock.until(() => running()?.movedAtMs !== undefined);
  await t.stop();
  t.clock.set(-hour);
  t.start();
  expect(running()?.movedAtMs).toBeLessThanOrEqual(t.clock.now());
  expect(t.store.events().at(-2)).toMatchObject({ kind: "clock.stepped" });
  expect(await settledIn()).toBeLessThan(2 * minute);
});
