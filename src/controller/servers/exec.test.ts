import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KilnEvent } from "../../domain/event.ts";
import { defaultUpkeep } from "../../domain/spec/upkeep-policy.ts";
import { aFinding, anAsker, aPolicy } from "../../domain/testing.ts";
import type { ExecRequest } from "../operations.ts";
import { TestInstallation } from "../testing.ts";

let t: TestInstallation;
beforeEach(() => {
  t = new TestInstallation();
});
afterEach(() => t[Symbol.asyncDispose]());

const server = "shop-1-1-1";
const request = (overrides: Partial<ExecRequest> = {}): ExecRequest => ({
  ...{ server, command: ["sh"], reason: "it hangs", terminal: false, pid: process.pid },
  ...overrides,
});
const policy = aPolicy({ bakeMs: 0, drainMs: 100, keepWarmMs: 0 });
const found = async () => (await t.status()).servers.find(({ id }) => id === server);
const isWhole = async () =>
  (await t.status()).servers.filter((s) => s.inTraffic && s.id !== server).length === 3;
const isLowered = ({ data }: KilnEvent) => data.action === "resize" && data.size === 1;
const isGone = async () => (await found()) === undefined;

test("the server is tainted, out of traffic and replaced, and stays until the session is over", async () => {
  await t.deployed(1, { policy });
  const { session, argv } = await t.controller.exec(request(), anAsker("ada@example"));
  expect(argv).toEqual(["sh"]);
  await t.clock.until(isWhole);
  expect(await found()).toMatchObject({ state: "quarantined", inTraffic: false, taint: { held: true } });
  expect(t.world.calls.some(({ operation }) => operation === "quarantine")).toBe(false);
  await t.controller.endExec({ session, exitCode: 7 }, anAsker());
  await t.clock.until(isGone);
  const kinds = t.store.events({ server }).map(({ kind }) => kind);
  expect(kinds.filter((kind) => /^(exec|evidence)\.|tainted/.test(kind))).toEqual([
    ...["exec.started", "server.tainted", "exec.ended", "evidence.kept"],
  ]);
});

test("a rollout, and a controller that is restarted, leave it alone until then", async () => {
  await t.deployed(1, { policy });
  const { session } = await t.controller.exec(request(), anAsker("ada@example"));
  await t.stop();
  t.start();
  await t.deployed(2, { policy });
  await t.clock.advance(60_000);
  expect((await t.status()).servers.map(({ id }) => id)).toContain(server);
  await t.controller.endExec({ session, exitCode: 0 }, anAsker());
  await t.clock.until(isGone);
  expect(t.store.events({ server }).map(({ kind }) => kind)).toContain("evidence.kept");
});

test("the only server stays in traffic until its successor has some", async () => {
  await t.deployed(1, { count: 1, policy });
  await t.controller.exec(request(), anAsker("ada@example"));
  expect(await found()).toMatchObject({ inTraffic: true, taint: { held: true } });
  let fewest = 1;
  await t.clock.until(async () => {
    const { servers } = await t.status();
    fewest = Math.min(fewest, servers.filter((s) => s.inTraffic).length);
    return servers.find(({ id }) => id === server)?.state === "quarantined";
  });
  expect(fewest).toBe(1);
});

test("nor is the last one taken out that a pass leaves while someone is let in", async () => {
  await t.deployed(1, { count: 2, policy });
  const access = t.platform.exec;
  const checkSlowly = async () => {
    await t.controller.scale({ service: "shop", count: 1 }, anAsker("ada@example"));
    await t.clock.until(() => t.store.events({ kinds: ["action.done"] }).some(isLowered));
  };
  Object.assign(t.platform, { exec: { ...access, check: checkSlowly } });
  await t.controller.exec(request(), anAsker("ada@example"));
  expect(t.store.desired("shop")?.taints).toMatchObject([{ server, takenAtMs: undefined, held: true }]);
});

test("a session whose process is gone is over, and one that lasts too long", async () => {
  await t.deployed(1, { policy });
  const child = spawn("sleep", ["1000"]);
  await t.controller.exec(request({ pid: child.pid ?? 0 }), anAsker("ada@example"));
  await t.controller.exec(request({ server: "shop-1-2-1" }), anAsker("ada@example"));
  child.kill("SIGKILL");
  await once(child, "exit");
  await t.clock.until(isGone);
  const ended = () => t.store.events().filter(({ kind }) => kind === "exec.ended");
  expect(ended().map(({ message }) => message)).toEqual([expect.stringContaining("was lost")]);
  await t.clock.advance(60_000);
  expect(ended().length).toBe(1);
  await t.stop(); // hours without a controller are soon over
  await t.clock.advance(8 * 3_600_000 - 60_000);
  t.start();
  await t.clock.until(() => ended().length === 2);
  expect(ended()[1]?.message).toContain("8 hours");
});

test("where drift is only reported the server is replaced all the same", async () => {
  const drift = { response: "report", maxConcurrent: { share: 0.1 }, ignore: [] } as const;
  await t.deployed(1, { policy, upkeep: { ...defaultUpkeep, drift } });
  const { session } = await t.controller.exec(request(), anAsker("ada@example"));
  await t.controller.endExec({ session, exitCode: 0 }, anAsker());
  await t.clock.until(isGone);
});

test("bad requests leave no mark", async () => {
  await t.deployed(1, { policy });
  const refused: readonly (readonly [Partial<ExecRequest>, string])[] = [
    [{ server: "shop-9-9-9" }, "server_unknown"],
    [{ command: ["nonsense"] }, "command_missing"],
    [{ pid: 4_194_305 }, "usage"],
  ];
  for (const [overrides, code] of refused)
    await expect(t.controller.exec(request(overrides), anAsker("ada@example"))).rejects.toMatchObject({
      code,
    });
  expect((await t.status()).servers.every(({ taint }) => taint === undefined)).toBe(true);
});

test("no one is let into a server that has drifted and is taken out", async () => {
  await t.deployed(1, { policy });
  const finding = aFinding({ server });
  t.store.taint({ service: "shop", finding, response: "quarantine", take: true, why: undefined });
  await expect(t.controller.exec(request(), anAsker("ada@example"))).rejects.toMatchObject({
    code: "exec_refused",
  });
});

test("a refusal says that someone was in the server, and not that it has drifted", async () => {
  await t.deployed(1, { policy });
  const { session } = await t.controller.exec(request(), anAsker("ada@example"));
  await t.controller.endExec({ session, exitCode: 0 }, anAsker());
  await expect(t.controller.exec(request(), anAsker("bob@example"))).rejects.toMatchObject({
    code: "exec_refused",
    message: `Kiln lets no one into ${server}: it is taken out, because ada@example was in it.`,
  });
});

test("when no one can be let in after all, the server is replaced", async () => {
  await t.deployed(1, { policy });
  t.world.failNext("enter", 1);
  await expect(t.controller.exec(request(), anAsker("ada@example"))).rejects.toThrow();
  await t.clock.until(isGone);
});
