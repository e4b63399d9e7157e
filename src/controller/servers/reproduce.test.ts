import { afterEach, beforeEach, expect, test } from "vitest";
import { anAsker, aPolicy } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";

let t: TestInstallation;
beforeEach(() => {
  t = new TestInstallation();
});
afterEach(() => t[Symbol.asyncDispose]());

const by = anAsker("ada@example");
const server = "shop-1-1-1";
const policy = aPolicy({ bakeMs: 0, drainMs: 100, keepWarmMs: 0 });
const copies = async () => (await t.status()).reproductions;
const runs = async () => (await copies())[0]?.state === "running";

async function reproduced(): Promise<string> {
  const { id } = await t.controller.reproduce({ server }, by);
  await t.clock.until(runs);
  return id;
}

test("it runs next to the service, once for each server, also for another controller", async () => {
  await t.deployed(1, { policy });
  const id = await reproduced();
  expect(await reproduced()).toBe(id);
  await t.stop();
  t.start();
  await t.clock.until(runs);
  expect(await copies()).toMatchObject([{ id, reproduces: server, release: 1, version: "1.1.0" }]);
  const { servers } = await t.status();
  expect(servers.map((s) => s.inTraffic)).toEqual([true, true, true]);
  expect(t.world.starts.get(id)).toBe(1);
  expect(t.store.events().filter(({ kind }) => kind === "server.reproduced")).toHaveLength(1);
});

test("someone may get into it without a taint", async () => {
  await t.deployed(1, { policy });
  const id = await reproduced();
  const request = { server: id, command: ["sh"], reason: "to look", terminal: false, pid: process.pid, by };
  const { session } = await t.controller.exec(request, anAsker("ada@example"));
  await t.controller.endExec({ session, exitCode: 0 }, anAsker());
  await t.clock.advance(60_000);
  expect(await runs()).toBe(true);
  expect(t.store.taints()).toEqual([]);
  expect(t.store.events().filter(({ kind }) => kind.startsWith("exec."))).toHaveLength(2);
});

test("where Kiln lets no one in, it says so, and names the logs", async () => {
  await t.deployed(1, { policy });
  Object.assign(t.platform, { exec: undefined });
  const request = { server, command: ["sh"], reason: "to look", terminal: false, pid: process.pid };
  await expect(t.controller.exec(request, by)).rejects.toMatchObject({
    code: "exec_refused",
    hint: expect.stringContaining(`kiln logs ${server}`),
  });
});

test("it is destroyed on demand, after a day, and with its service", async () => {
  await t.deployed(1, { policy });
  await t.controller.destroyServer({ server: await reproduced() }, by);
  expect(await copies()).toEqual([]);
  await reproduced();
  t.clock.set(24 * 3_600_000);
  await t.clock.advance(10_000);
  expect(await copies()).toEqual([]);
  await reproduced();
  await t.controller.remove({ service: "shop" }, by);
  await t.clock.until(() => t.store.desired("shop") === undefined, 5 * 60_000);
  expect([...t.world.servers.keys()]).toEqual([]);
});

test("one that ends is reported, and not started again", async () => {
  await t.deployed(1, { policy });
  const id = await reproduced();
  t.world.exit(id, 3);
  await t.clock.until(async () => (await copies())[0]?.state === "ended");
  await t.controller.reproduce({ server }, by);
  await t.clock.advance(30_000);
  expect(await copies()).toMatchObject([{ id, state: "ended", reason: expect.stringContaining("code 3") }]);
  expect(t.world.starts.get(id)).toBe(1);
});

test("only servers that are there are reproduced", async () => {
  await t.deployed(1, { policy });
  for (const id of ["shop-1-9-1", "other-1-1-1", "nonsense", `${server}__copy`])
    await expect(t.controller.reproduce({ server: id }, by)).rejects.toMatchObject({
      code: "server_unknown",
    });
});
