import { join } from "node:path";
import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { openStore } from "../../store/store.ts";
import { aDatabasePath } from "../../store/testing.ts";
import type { SourceDeployment } from "./follower.ts";
import { startSources } from "./operations.ts";
import { aRepository, serveByHttp } from "./testing.ts";

const ada = anAsker("ada@example");

/** A service that follows a repository over http; deploys of these commits fail. */
async function following() {
  const repository = await aRepository();
  const server = await serveByHttp(repository);
  const file = aDatabasePath();
  const clock = new FakeClock(1_000_000);
  const store = openStore(file.path, { clock });
  const broken = new Set<string>();
  const tried: string[] = [];
  const deploy = async ({ actor }: SourceDeployment) => {
    tried.push(actor.commit);
    if (broken.has(actor.commit)) throw new KilnError("spec_invalid", "It is broken.");
    return { release: tried.length, rollout: undefined };
  };
  const folder = join(repository.base, "sources");
  const sources = startSources({ store, clock, log: silentLog, folder, deploy });
  const { operations } = sources;
  /** When the look that is under way has ended. */
  const looked = async () => {
    await expect
      .poll(async () => (await operations.source({ service: "shop" })).looking, { timeout: 60_000 })
      .toBe(false);
    return store.sources.one("shop");
  };
  return {
    ...{ repository, server, clock, store, broken, tried, operations, looked },
    add: () =>
      operations.addSource(
        { service: "shop", url: server.url, branch: "main", path: ".", intervalMs: 60_000 },
        ada,
      ),
    pass: async (ms: number) => {
      await clock.advance(ms);
      return looked();
    },
    [Symbol.asyncDispose]: async () => {
      await sources.close();
      store.close();
      file[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      repository[Symbol.dispose]();
    },
  };
}

test("a commit that fails is tried again ever later, and one that mends it is deployed at the next look", async () => {
  await using t = await following();
  const first = await t.repository.commit({ "kiln.yaml": "broken" });
  t.broken.add(first);
  await t.add();
  await t.looked();
  for (let minute = 1; minute <= 18; minute++) await t.pass(60_000);
  const { failing, lookedAtMs = 0, nextLookAtMs, head } = t.store.sources.one("shop");
  expect(failing).toMatchObject({ commit: first, attempts: t.tried.length });
  expect(t.tried.length).toBeLessThan(10);
  expect(failing?.nextTryAtMs).toBeGreaterThan(nextLookAtMs);
  expect(nextLookAtMs - lookedAtMs).toBe(60_000);
  expect(head?.id).toBe(first);
  const failures = t.store.events({}).filter(({ kind }) => kind === "source.failed");
  expect(failures).toHaveLength(1);

  const second = await t.repository.commit({ "kiln.yaml": "mended" });
  expect(await t.pass(60_000)).toMatchObject({ failing: undefined, deployed: { commit: second } });
}, 120_000);

test("someone who asks has a failing commit tried at once", async () => {
  await using t = await following();
  t.broken.add(await t.repository.commit({ "kiln.yaml": "broken" }));
  await t.add();
  await t.looked();
  for (const attempts of [2, 3]) {
    await t.operations.syncSource({ service: "shop" }, ada);
    expect((await t.looked()).failing?.attempts).toBe(attempts);
  }
  t.broken.clear();
  await t.operations.syncSource({ service: "shop" }, ada);
  expect(await t.looked()).toMatchObject({ failing: undefined, deployed: { release: 4 } });
}, 120_000);

test("a repository that is gone is asked ever more rarely", async () => {
  await using t = await following();
  await t.repository.git("branch", "-m", "other");
  await t.add();
  await t.looked();
  for (let minute = 1; minute <= 12; minute++) await t.pass(60_000);
  expect(t.store.sources.one("shop").failing?.attempts).toBeLessThan(8);
  expect(t.server.looks.count).toBeLessThan(16);
}, 120_000);
