import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { localTarget } from "../../domain/target.ts";
import { aFinding, anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { steadyClock } from "../../lib/time/steady-clock.ts";
import { FakeCluster } from "../../platform/fake/cluster.ts";
import { WholeGroup } from "../../platform/fake/whole-group.ts";
import { openStore } from "../../store/store.ts";
import { startController } from "../controller.ts";
import { noPlatforms } from "../testing.ts";
import { fakeDriftSource } from "./fake-drift-source.ts";

const folder = mkdtempSync("/tmp/kiln-q-");
afterEach(() => rmSync(folder, { recursive: true }));

/** The most calls that the test waits for: a loop in which no time passes would never end. */
const patience = 50;

test("a drifted server of an engine that shows late what becomes of servers is not retired over and over", async () => {
  using time = new FakeClock(1_000_000);
  const clock = steadyClock(time);
  const cluster = new FakeCluster(time, { lagMs: 3_000 });
  let retired = 0;
  class Counting extends WholeGroup {
    override async retire(...call: Parameters<WholeGroup["retire"]>): Promise<void> {
      if (++retired > patience) throw new Error("it was retired often enough");
      await super.retire(...call);
    }
  }
  const drift = fakeDriftSource();
  const store = openStore(join(folder, "kiln.db"), { clock });
  const controller = startController({
    ...{ store, clock, log: silentLog, platforms: noPlatforms },
    targets: [{ target: localTarget, platform: new Counting(cluster, clock), drift }],
    images: { has: async () => true, requireVersion: async () => {} },
    self: { pid: 1, version: "0.0.0", home: folder, installation: "here" },
    onShutdown: () => {},
  });
  const draft = { ...draftOf(aRelease(1)), files: [] };
  await controller.deploy(
    { service: "shop", count: 2, draft, policy: aPolicy({ bakeMs: 0 }) },
    anAsker("ada@example"),
  );
  await time.until(() => store.desired("shop")?.serving === 1);
  const [server = ""] = cluster.servers.keys();
  drift.find(aFinding({ server }));
  await time.until(() => store.desired("shop")?.taints.length === 0 && cluster.servers.size === 2);
  expect(cluster.servers.has(server)).toBe(false);
  expect(retired).toBeLessThan(10);
  expect(store.events({ newest: 100 }).filter((e) => e.kind === "evidence.missing")).toHaveLength(1);
  await time.settle(controller.close());
  store.close();
});
