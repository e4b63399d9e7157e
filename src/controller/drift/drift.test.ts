import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Finding } from "../../domain/drift/drift.ts";
import { type DriftPolicy, defaultUpkeep } from "../../domain/spec/upkeep-policy.ts";
import { localTarget } from "../../domain/target.ts";
import { aFinding, anAsker, aPolicy } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { steadyClock } from "../../lib/time/steady-clock.ts";
import type { DriftSource } from "../../platform/contract/drift-source.ts";
import { fakePlatform } from "../../platform/fake/fake-platform.ts";
import { openStore } from "../../store/store.ts";
import { startController } from "../controller.ts";
import { noPlatforms, TestInstallation } from "../testing.ts";
import { fakeDriftSource } from "./fake-drift-source.ts";

/** A controller that gets reports of drift. */
class DriftInstallation extends TestInstallation {
  declare drift: DriftSource & { find(finding: Finding): void };
  declare frozen: string[];

  override start(): void {
    this.frozen = [];
    const clock = steadyClock(this.clock);
    this.store = openStore(join(this.folder, "kiln.db"), { clock });
    this.platform = fakePlatform(clock, { world: this.world }).platform;
    this.drift = fakeDriftSource();
    const { frozen } = this;
    const drift = { ...this.drift, freeze: (server: string) => frozen.push(server) > 0 };
    this.controller = startController({
      store: this.store,
      targets: [{ target: localTarget, platform: this.platform, drift }],
      platforms: noPlatforms,
      clock,
      log: silentLog,
      images: { has: async () => true, requireVersion: async () => {} },
      self: { pid: 1, version: "0.0.0", home: this.folder, installation: "here" },
      onShutdown: () => {},
    });
  }

  async serving(count: number, drift: Partial<DriftPolicy> = {}): Promise<void> {
    const upkeep = { drift: { ...defaultUpkeep.drift, ...drift } };
    await this.deployed(1, { count, upkeep, policy: aPolicy({ bakeMs: 0 }) });
  }

  async servers() {
    return (await this.controller.status({ service: "shop" })).servers;
  }

  async ready(): Promise<readonly string[]> {
    return (await this.servers()).filter((s) => s.state === "ready" && s.inTraffic).map((s) => s.id);
  }

  kinds(): readonly string[] {
    return this.store.events({ newest: 1000 }).map((e) => e.kind);
  }
}

let t: DriftInstallation;
const installation = () => {
  t = new DriftInstallation();
  return t;
};
afterEach(async () => t?.[Symbol.asyncDispose]());

const first = "shop-1-1-1";
/** Whose places servers have taken, as the log tells. */
const places = () => {
  const successors = t.store.events({ newest: 1000, kinds: ["server.started", "server.ready"] });
  return [...new Set(successors.flatMap(({ data }) => data.takesPlaceOf ?? []))];
};
const isGone = async (server: string) => !(await t.servers()).some((s) => s.id === server);

test("a server that drifts is frozen before anything else, marked, replaced and destroyed", async () => {
  installation();
  await t.serving(3);
  const quarantines = () => t.world.calls.filter((c) => c.operation === "quarantine").length;
  t.drift.find(aFinding());
  expect(t.frozen).toEqual([first]);
  expect(t.store.desired("shop")?.taints).toMatchObject([{ server: first, takenAtMs: t.clock.now() }]);
  await t.clock.until(async () => (await isGone(first)) && (await t.ready()).length === 3);
  expect(quarantines()).toBe(1);
  expect(t.store.taints("shop")).toMatchObject([
    { server: first, evidence: expect.stringMatching(/^sha256:/) },
  ]);
  expect(t.kinds()).toEqual(
    expect.arrayContaining(["drift.found", "server.tainted", "server.quarantined", "evidence.kept"]),
  );
  expect(places()).toEqual([first]);
});

test("the same server is decided once, whatever else is found of it", async () => {
  installation();
  await t.serving(3);
  t.drift.find(aFinding());
  t.drift.find(aFinding({ kind: "mount", subject: "/etc" }));
  await t.clock.until(() => isGone(first));
  const count = (kind: string) => t.kinds().filter((k) => k === kind).length;
  expect([count("server.tainted"), count("drift.found")]).toEqual([1, 2]);
});

test("the only server stays until its successor has the traffic", async () => {
  installation();
  await t.serving(1);
  t.drift.find(aFinding());
  expect(t.frozen).toEqual([]);
  let fewest = 1;
  await t.clock.until(async () => {
    fewest = Math.min(fewest, t.world.request("shop") === undefined ? 0 : 1);
    return isGone(first);
  });
  expect([fewest, (await t.ready()).length]).toEqual([1, 1]);
  expect(places()).toEqual([first]);
});

test("what was seen before the last action does not count: who is left alone by it stays", async () => {
  installation();
  await t.serving(3);
  const resize = t.platform.resize.bind(t.platform);
  const resizeThenFind = async (...args: Parameters<typeof resize>) => {
    await resize(...args);
    t.drift.find(aFinding());
  };
  Object.assign(t.platform, { resize: resizeThenFind });
  await t.controller.scale({ service: "shop", count: 1 }, anAsker("ada@example"));
  await t.clock.until(() => t.store.taints("shop").length > 0);
  expect(t.frozen).toEqual([]);
  await t.clock.until(() => isGone(first));
  expect(await t.ready()).toHaveLength(1);
});

test("nor does what was seen while the last action ran: it takes effect at any time until its end", async () => {
  installation();
  await t.serving(1);
  const route = t.platform.route.bind(t.platform);
  const routeSlowly = async (...args: Parameters<typeof route>) => {
    await t.clock.sleep(10_000, args[3].signal);
    await route(...args);
    await t.clock.sleep(10_000, args[3].signal);
  };
  Object.assign(t.platform, { route: routeSlowly });
  await t.deploy(2, { count: 1, policy: aPolicy({ strategy: "blue-green" }) });
  const second = "shop-2-1-1";
  await t.clock.until(async () => (await t.servers()).some((s) => s.id === second && s.state === "ready"));
  await t.clock.advance(5_000);
  expect(await t.ready()).toEqual([first]);
  await t.clock.until(() => t.world.request("shop") === second);
  t.drift.find(aFinding({ server: second, release: 2 }));
  expect(t.frozen).toEqual([]);
  expect(t.store.desired("shop")?.taints).toMatchObject([{ server: second, takenAtMs: undefined }]);
});

test("of three that drift at once one goes at a time, and all are replaced", async () => {
  installation();
  await t.serving(3);
  for (const slot of [1, 2, 3]) t.drift.find(aFinding({ server: `shop-1-${slot}-1` }));
  expect(t.frozen).toEqual([first]);
  let fewest = 3;
  await t.clock.until(async () => {
    fewest = Math.min(fewest, (await t.ready()).length);
    const ready = await t.ready();
    return ready.length === 3 && ready.every((server) => !server.endsWith("-1"));
  });
  expect(fewest).toBeGreaterThanOrEqual(2);
});

test("what a service ignores leaves no trace; what it wants reported leaves only that", async () => {
  installation();
  await t.serving(2, { response: "report", ignore: ["full"] });
  t.drift.find(aFinding({ kind: "full", subject: "/tmp" }));
  expect(t.store.taints()).toEqual([]);
  t.drift.find(aFinding());
  await t.clock.advance(60_000);
  expect(await t.ready()).toContain(first);
  expect(t.store.taints()).toMatchObject([{ server: first, response: "report" }]);
});

test("a server that is kept stays out of traffic, also under the next controller", async () => {
  installation();
  await t.serving(2, { response: "quarantine" });
  t.drift.find(aFinding());
  await t.clock.until(async () => (await t.ready()).length === 2);
  await t.stop();
  t.start();
  await t.clock.advance(60_000);
  expect((await t.servers()).find((s) => s.id === first)).toMatchObject({
    state: "quarantined",
    inTraffic: false,
  });
});

test("a controller that ends right after the mark leaves the rest to the next one", async () => {
  installation();
  await t.serving(3);
  t.world.failNext("quarantine", 1000);
  t.drift.find(aFinding());
  await t.stop();
  t.world.failNext("nothing");
  t.start();
  await t.clock.advance(1000);
  expect(await t.ready()).not.toContain(first);
});

test("when too much drifts at once no server is taken out until that is over", async () => {
  installation();
  await t.serving(12, { maxConcurrent: { share: 1 } });
  for (let slot = 1; slot <= 12; slot++) t.drift.find(aFinding({ server: `shop-1-${slot}-1` }));
  expect(t.frozen).toHaveLength(11);
  expect(t.kinds().filter((k) => k === "drift.suspended")).toHaveLength(1);
  await t.clock.advance(60_000);
  expect(await t.ready()).toContain("shop-1-12-1");
  await t.clock.until(() => isGone("shop-1-12-1"), 5 * 60_000);
});

test("servers that are too old are replaced one by one by the same release, never below what is wanted", async () => {
  installation();
  const upkeep = { ...defaultUpkeep, maxAgeMs: 600_000 };
  await t.deployed(1, { count: 3, upkeep, policy: aPolicy({ bakeMs: 0, drainMs: 100 }) });
  let fewest = 3;
  let most = 0;
  await t.clock.until(async () => {
    const servers = await t.servers();
    fewest = Math.min(fewest, (await t.ready()).length);
    most = Math.max(most, servers.length);
    return servers.length === 3 && servers.every((server) => !/-[123]-1$/.test(server.id));
  }, 1_200_000);
  expect([fewest, most, t.store.desired("shop")?.serving]).toEqual([3, 4, 1]);
});

test("evidence that cannot be had is given up after a while", async () => {
  installation();
  await t.serving(3);
  t.world.failNext("quarantine", 1000);
  t.drift.find(aFinding());
  await t.clock.until(() => isGone(first), 5 * 60_000);
  expect(t.kinds()).toContain("evidence.missing");
});

test("a question about a missing server is never answered with: no drift", async () => {
  installation();
  await t.serving(2);
  expect(await t.controller.drift({ server: first })).toEqual([]);
  await expect(t.controller.drift({ server: "shop-1-9-1" })).rejects.toMatchObject({
    code: "server_unknown",
    hint: "Did you mean shop-1-1-1?",
  });
});
