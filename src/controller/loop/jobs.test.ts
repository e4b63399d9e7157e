import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import type { JobSpec } from "../../domain/spec/job-spec.ts";
import { localTarget } from "../../domain/target.ts";
import { anAsker, aPolicy, aRelease, minute, second } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { steadyClock } from "../../lib/time/steady-clock.ts";
import { fakeHost } from "../../platform/fake/fake-host.ts";
import { fakeProber } from "../../platform/fake/fake-prober.ts";
import { fakeRouter } from "../../platform/fake/fake-router.ts";
import { FakeWorld } from "../../platform/fake/world.ts";
import { createFleet, type Fleet } from "../../platform/fleet/fleet.ts";
import { openStore, type Store } from "../../store/store.ts";
import { type Controller, startController } from "../controller.ts";
import { noPlatforms } from "../testing.ts";

const migrate: JobSpec = { name: "migrate", when: "before", command: ["/app", "up"], deadlineMs: minute };
const smoke: JobSpec = { name: "smoke", when: "after", command: ["/app", "smoke"], deadlineMs: minute };

/** A controller over a fake machine that outlives it. */
class Installation implements AsyncDisposable {
  readonly clock = new FakeClock(1_000_000);
  readonly world = new FakeWorld(this.clock);
  readonly folder = mkdtempSync("/tmp/kiln-j-");
  store!: Store;
  platform!: Fleet;
  controller!: Controller;

  constructor({ runsJobs = true } = {}) {
    this.start(runsJobs);
  }

  start(runsJobs = true): void {
    const { world } = this;
    const clock = steadyClock(this.clock);
    const { runJob, ...host } = fakeHost(world);
    this.store = openStore(join(this.folder, "kiln.db"), { clock });
    this.platform = createFleet({
      host: runsJobs && runJob !== undefined ? { ...host, runJob } : host,
      router: fakeRouter(world),
      prober: fakeProber(world),
      clock,
      log: silentLog,
    });
    this.controller = startController({
      ...{ store: this.store, clock, log: silentLog, platforms: noPlatforms, onShutdown: () => {} },
      targets: [{ target: localTarget, platform: this.platform }],
      images: { has: async () => true, requireVersion: async () => {} },
      self: { pid: 1, version: "0.0.0", home: this.folder, installation: "here" },
    });
  }

  async stop(): Promise<void> {
    await this.controller.close();
    await this.platform[Symbol.asyncDispose]();
    this.store.close();
  }

  deploy(number: number, jobs: readonly JobSpec[]) {
    const request = {
      service: "shop",
      count: 2,
      draft: { ...draftOf(aRelease(number)), files: [], jobs },
      policy: aPolicy({ strategy: "blue-green", bakeMs: second }),
    };
    return this.controller.deploy(request, anAsker());
  }

  /** Deploys, and lets time pass until the rollout has ended. */
  async deployed(number: number, jobs: readonly JobSpec[]) {
    const { rollout = 0 } = await this.deploy(number, jobs);
    return this.ended(rollout);
  }

  async ended(id: number) {
    await this.clock.until(async () => this.store.rollout(id)?.endedAtMs !== undefined, 30 * minute);
    const rollout = this.store.rollout(id);
    if (rollout === undefined) throw new Error("a rollout is kept");
    return rollout;
  }

  started(name: string): number {
    const starts = [...this.world.starts].filter(([id]) => id.endsWith(`_${name}`));
    return starts.reduce((sum, [, times]) => sum + times, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

test("jobs of both kinds run once, in their place, and are reported", async () => {
  await using it = new Installation();
  const rollout = await it.deployed(1, [migrate, smoke]);
  expect(rollout).toMatchObject({ phase: "complete", jobs: [{ name: "migrate" }, { name: "smoke" }] });
  expect([it.started("migrate"), it.started("smoke")]).toEqual([1, 1]);
  const kinds = it.store.events().map(({ kind }) => kind);
  const order = ["job.started", "job.succeeded", "server.ready", "rollout.moved", "rollout.completed"];
  expect(order.map((kind) => kinds.indexOf(kind))).toEqual(
    order.map((kind) => kinds.indexOf(kind)).toSorted((a, b) => a - b),
  );
  const { rollouts } = await it.controller.history({ service: "shop" });
  expect(rollouts[0]?.phases.raisingMs).toBeLessThan(
    (rollouts[0]?.endedAtMs ?? 0) - (rollouts[0]?.startedAtMs ?? 0),
  );
  const status = await it.controller.status({ service: "shop" });
  expect(status.jobs.map(({ id, state }) => [id, state])).toEqual([
    ["shop-1-1_migrate", "succeeded"],
    ["shop-1-1_smoke", "succeeded"],
  ]);
});

test("one that fails leaves its last words with the rollout, and the old release as it was", async () => {
  await using it = new Installation();
  await it.deployed(1, []);
  const before = [...it.world.servers.keys()];
  it.world.behave("migrate", { lines: ["no database"], exitAfterMs: 50, exitCode: 4 });
  const rollout = await it.deployed(2, [migrate]);
  expect(rollout).toMatchObject({
    phase: "rolled-back",
    reason: expect.stringContaining("job migrate exited with code 4"),
    jobs: [{ end: { outcome: "failed", exitCode: 4, logTail: ["no database"] } }],
  });
  expect([...it.world.servers.keys()].filter((id) => !id.includes("_"))).toEqual(before);
});

test("a new controller continues with the running job, and does not start it again", async () => {
  await using it = new Installation();
  it.world.behave("migrate", { exitAfterMs: 20 * second, exitCode: 0 });
  const { rollout = 0 } = await it.deploy(1, [migrate]);
  await it.clock.until(async () => it.started("migrate") === 1);
  await it.clock.settle(it.stop());
  await it.clock.advance(5 * second);
  it.start();
  expect(await it.ended(rollout)).toMatchObject({ phase: "complete" });
  expect(it.started("migrate")).toBe(1);
});

test.each([
  ["forward", 60 * minute],
  ["back", -60 * minute],
])("a job has its time and no more when the clock is set %s", async (_way, byMs) => {
  await using it = new Installation();
  it.world.behave("migrate", { exitAfterMs: 50 * second, exitCode: 0 });
  const working = await it.deploy(1, [migrate]);
  await it.clock.advance(20 * second);
  it.clock.set(byMs);
  expect(await it.ended(working.rollout ?? 0)).toMatchObject({ phase: "complete" });
  it.world.behave("migrate", { exitAfterMs: Number.POSITIVE_INFINITY });
  const hanging = await it.deploy(2, [migrate]);
  await it.clock.advance(20 * second);
  it.clock.set(-byMs);
  await it.clock.advance(30 * second);
  expect(it.store.desired("shop")?.rollout?.phase).toBe("forward");
  await it.clock.advance(40 * second);
  expect(it.store.rollout(hanging.rollout ?? 0)).toMatchObject({
    phase: "rolled-back",
    reason: "job migrate did not end within 60 s",
  });
});

test("a machine that restarts in the middle of a job: its outcome is not known, and it is not repeated", async () => {
  await using it = new Installation();
  it.world.behave("migrate", { exitAfterMs: Number.POSITIVE_INFINITY });
  const { rollout = 0 } = await it.deploy(1, [migrate]);
  await it.clock.until(async () => it.started("migrate") === 1);
  await it.clock.settle(it.stop());
  it.world.restartMachine();
  it.start();
  expect(await it.ended(rollout)).toMatchObject({
    phase: "failed",
    reason: expect.stringContaining("its exit code is not known"),
  });
  expect(it.started("migrate")).toBe(1);
});

test("one that cannot be started fails at once", async () => {
  await using it = new Installation();
  it.world.failNext("runJob");
  expect(await it.deployed(1, [migrate])).toMatchObject({
    phase: "failed",
    reason: expect.stringContaining("job migrate could not be started"),
  });
});

test("one whose start is answered by an error has begun all the same", async () => {
  await using it = new Installation();
  it.world.failNext("runJob", 1, "lose");
  expect(await it.deployed(1, [migrate])).toMatchObject({ phase: "complete" });
  expect(it.started("migrate")).toBe(1);
});

test("a superseding deploy ends the running job before its own begins", async () => {
  await using it = new Installation();
  await it.deployed(1, []);
  it.world.behave("shop-2-2_migrate", { exitAfterMs: Number.POSITIVE_INFINITY, stopMs: 3 * second });
  await it.deploy(2, [migrate]);
  await it.clock.until(async () => it.started("migrate") === 1);
  const request = {
    service: "shop",
    count: 2,
    draft: { ...draftOf(aRelease(3)), files: [], jobs: [migrate] },
    policy: aPolicy(),
    supersede: true,
  };
  const { rollout = 0 } = await it.controller.deploy(request, anAsker());
  await it.clock.until(async () => it.started("migrate") === 2);
  expect(it.world.servers.get("shop-2-2_migrate")?.record.state).toBe("exited");
  expect(await it.ended(rollout)).toMatchObject({ phase: "complete" });
});

test("where no jobs can run, a release with jobs is refused, and so is its plan", async () => {
  await using it = new Installation({ runsJobs: false });
  await expect(it.deploy(1, [migrate])).rejects.toMatchObject({
    code: "jobs_unsupported",
    message: expect.stringContaining("migrate"),
  });
  expect(it.store.desired("shop")).toBeUndefined();
  expect(await it.deployed(1, [])).toMatchObject({ phase: "complete" });
});

test("a removed service takes what its jobs wrote along", async () => {
  await using it = new Installation();
  await it.deployed(1, [migrate]);
  await it.controller.remove({ service: "shop" }, anAsker("ada@example"));
  await it.clock.until(async () => it.store.desired("shop") === undefined);
  expect([...it.world.servers.keys()]).toEqual([]);
});
