import { afterEach, expect, test } from "vitest";
import { draftOf } from "../../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../../domain/testing.ts";
import type { ChangePlan, PlanRequest } from "../../operations.ts";
import { TestInstallation } from "../../testing.ts";
import { differences } from "./differences.ts";

const service = "shop";
const ada = anAsker("ada@example.com");
let t: TestInstallation;
afterEach(async () => t?.[Symbol.asyncDispose]());

const plan = (change: PlanRequest["change"], by = ada): Promise<ChangePlan> =>
  t.controller.plan({ service, change }, by);
const deployOf = (number: number, policy = aPolicy()) => ({
  ...{ kind: "deploy" as const, count: 3, policy },
  draft: { ...draftOf(aRelease(number)), files: [] },
});
const manual = aPolicy({ strategy: "blue-green", promote: "manual" });
const refused = { code: "expectation_failed" };

/** Release 2 serves, release 1 has served. */
async function twice(): Promise<void> {
  t = new TestInstallation();
  await t.deployed(1);
  await t.deployed(2);
}

/** A rollout to release 3 waits to be promoted. */
async function waiting(): Promise<number> {
  await twice();
  const { rollout = 0 } = await t.deploy(3, { policy: manual });
  await t.clock.until(async () => (await t.status()).rollout?.phase === "paused");
  return rollout;
}

/** Sizes and shares in the order in which the platform is asked for them. */
function watchPlatform(): string[] {
  const asked: string[] = [];
  const { resize, route } = t.platform;
  const note = (words: string) => {
    if (!asked.includes(words)) asked.push(words);
  };
  t.platform.resize = (group, size, call) => {
    note(`${group.release.number}=${size}`);
    return resize.call(t.platform, group, size, call);
  };
  t.platform.route = (key, shares, releases, call) => {
    note(`->${shares.map((s) => `${s.release}:${s.share.toFixed(2)}`)}`);
    return route.call(t.platform, key, shares, releases, call);
  };
  return asked;
}

const effects = ({ actions }: ChangePlan) => [
  ...new Set(
    actions.flatMap((a) => {
      if (a.kind === "resize") return [`${a.release}=${a.size}`];
      if (a.kind === "route") return [`->${a.shares.map((s) => `${s.release}:${s.share.toFixed(2)}`)}`];
      return [];
    }),
  ),
];

test("no plan changes anything, and no listener hears of one", async () => {
  await waiting();
  const heard: string[] = [];
  using _heard = t.store.subscribe(({ kind }) => void heard.push(kind));
  const found = () => JSON.stringify([t.store.events(), [...(t.store.desired(service)?.releases ?? [])]]);
  const before = [found(), t.store.desired(service), t.world.calls.filter((c) => c.operation === "prepare")];
  await plan({ ...deployOf(4), supersede: true });
  await plan({ kind: "rollback" });
  await plan({ kind: "scale", count: 7 });
  for (const kind of ["promote", "abort", "pause", "resume", "remove"] as const) await plan({ kind });
  expect([found(), t.store.desired(service), t.world.calls.filter((c) => c.operation === "prepare")]).toEqual(
    before,
  );
  expect(heard).toEqual([]);
});

test("what is planned is what the platform is asked for, in that order", async () => {
  await twice();
  const asked = watchPlatform();
  const takes = async (change: PlanRequest["change"], work: () => Promise<unknown>) => {
    await t.clock.advance(20 * 60_000); // nothing is warm any more
    asked.length = 0;
    const planned = await plan(change);
    await work();
    await t.settled();
    await t.clock.advance(60_000);
    expect(asked).toEqual(effects(planned));
  };
  const policy = aPolicy({ keepWarmMs: 0 });
  await takes(deployOf(3, policy), () => t.deploy(3, { policy }));
  await takes({ kind: "rollback" }, () => t.controller.rollback({ service }, ada));
  await takes({ kind: "scale", count: 5 }, () => t.controller.scale({ service, count: 5 }, ada));
});

test("a rollback is planned with what changes back, and a warm group makes it one switch", async () => {
  await twice();
  const warm = await plan({ kind: "rollback" });
  expect(warm.changes).toEqual([expect.stringMatching(/^image: 1\.2\.0 .* -> 1\.1\.0/)]);
  expect(effects(warm)[0]).toBe("->1:1.00");
  await t.clock.advance(20 * 60_000);
  const cold = await plan({ kind: "rollback", release: 1 });
  expect(effects(cold)).toContain("1=3");
  expect(cold.digest).not.toBe(warm.digest);
});

test("a rollback from a rollout without traffic says what serves at its end, though no traffic moves", async () => {
  await waiting();
  const back = await plan({ kind: "rollback" });
  expect([back.final, effects(back)]).toEqual([2, ["3=0"]]);
  expect((await plan({ kind: "promote" })).final).toBe(3);
});

test("what a change would be refused for, its plan is refused for", async () => {
  await twice();
  await expect(plan({ kind: "promote" })).rejects.toMatchObject({ code: "rollout_none" });
  await expect(plan({ kind: "rollback", release: 7 })).rejects.toMatchObject({ code: "release_unknown" });
  t.world.missingImages.add(aRelease(1).image);
  await expect(plan({ kind: "rollback" })).rejects.toMatchObject({ code: "rollback_impossible" });
  await t.deploy(3, { policy: manual });
  await expect(plan(deployOf(4))).rejects.toMatchObject({ code: "rollout_running" });
  const cart = { service: "cart", change: { kind: "scale", count: 2 } } as const;
  await expect(t.controller.plan(cart, ada)).rejects.toMatchObject({ code: "service_unknown" });
});

test("a running rollout is planned from where it stands", async () => {
  const rollout = await waiting();
  const promoted = await plan({ kind: "promote" });
  expect(promoted.rollout).toMatchObject({ id: rollout, phase: "paused" });
  expect(promoted.changes[0]).toMatch(/^image: 1\.2\.0 .* -> 1\.3\.0/);
  expect(effects(promoted)[0]).toBe("->3:1.00");
  const aborted = await plan({ kind: "abort" });
  expect([aborted.changes, effects(aborted)]).toEqual([[], ["3=0"]]);
  expect((await plan({ kind: "pause" })).actions).toEqual([]);
});

test("downtime is reported with its cause", async () => {
  await twice();
  expect((await plan({ kind: "scale", count: 0 })).downtime).toMatch(/^from now on.*no servers/);
  expect((await plan({ kind: "remove" })).downtime).toMatch(/^from now on.*removed/);
  const recreate = await plan(deployOf(3, aPolicy({ strategy: "recreate" })));
  expect(recreate.downtime).toBe("from the stop of release 2 until release 3 is ready");
  expect((await plan({ kind: "scale", count: 1 })).downtime).toBe("none");
});

test("a digest is the same at another time and for someone else, and another one for anything else", async () => {
  await waiting();
  const { digest } = await plan({ kind: "promote" });
  await t.clock.advance(30_000);
  expect((await plan({ kind: "promote" }, anAsker("eve@example.com"))).digest).toBe(digest);
  const others = [plan({ kind: "abort" }), plan({ kind: "remove" }), plan({ kind: "scale", count: 4 })];
  const image = { ...deployOf(4), supersede: true };
  const env = { ...image.draft.shape, env: { A: "1" } };
  const drafts = [plan(image), plan({ ...image, draft: { ...image.draft, shape: env } })];
  const digests = (await Promise.all([...others, ...drafts])).map((p) => p.digest);
  expect(new Set([digest, ...digests]).size).toBe(6);
});

test("a plan that skips a hold is another one than a plan that keeps it", async () => {
  await twice();
  const policy = aPolicy({ strategy: "canary", steps: [{ share: 0.5, holdMs: 600_000 }] });
  await t.deploy(3, { policy });
  await t.clock.until(async () => (await t.status()).rollout?.movedAtMs !== undefined);
  await t.clock.advance(5_000);
  const [promote, resume] = [await plan({ kind: "promote" }), await plan({ kind: "resume" })];
  expect(effects(promote)).toEqual(effects(resume));
  expect(promote.digest).not.toBe(resume.digest);
});

test("a change that expects a plan happens only as it was planned", async () => {
  await waiting();
  const { digest } = await plan({ kind: "promote" });
  const other = await plan({ kind: "abort" });
  const { promote, scale, deploy } = t.controller;
  await expect(promote({ service, expect: { plan: other.digest } }, ada)).rejects.toMatchObject(refused);
  await scale({ service, count: 4 }, ada);
  await expect(promote({ service, expect: { plan: digest } }, ada)).rejects.toThrow(/Nothing was changed/);
  expect((await t.status()).rollout).toMatchObject({ promoted: false });
  await t.clock.advance(20_000);
  const again = await plan({ kind: "promote" });
  expect(await promote({ service, reason: "it is fine", expect: { plan: again.digest } }, ada)).toMatchObject(
    { promoted: true },
  );
  expect((await t.settled()).serving?.number).toBe(3);

  const { kind: _kind, ...wanted } = deployOf(4);
  const planned = await plan(deployOf(4));
  await t.controller.setSecret({ service, name: "A", value: "aGk=" }, ada);
  const accepted = await deploy({ service, ...wanted, expect: { plan: planned.digest } }, ada);
  expect(accepted).toMatchObject({ release: 4 });
});

test("what is expected of a deploy is checked before its image is built", async () => {
  await twice();
  const { image: _image, version: _version, ...draft } = deployOf(3).draft;
  const { check } = t.controller;
  await expect(check({ service, draft, expect: { serving: 1 } }, ada)).rejects.toMatchObject(refused);
  await check({ service, draft, expect: { serving: 2, rollout: 0 } }, ada);
});

test("manifests are of what is there at the end, with files that no store has yet; where there are none, they are refused", async () => {
  await twice();
  const content = Buffer.from("colour: green");
  const files = [{ to: "/etc/shop.yaml", mode: 0o444, content: content.toString("base64") }];
  const wanted = deployOf(3, aPolicy({ strategy: "canary", steps: [{ share: 0.5, holdMs: 1000 }] }));
  const change = { ...wanted, draft: { ...wanted.draft, files } };
  const asked = () => t.controller.plan({ service, change, manifests: true }, ada);
  await expect(asked()).rejects.toMatchObject({ code: "manifests_unsupported" });
  t.platform.manifests = async (planned, contents) => [
    ...planned.map((one) => {
      if (one.kind === "resize") return { group: one.group.release.number, size: one.size };
      return one.kind === "route" ? { shares: one.shares } : { kind: one.kind };
    }),
    { files: [...contents.values()].map((bytes) => Buffer.from(bytes).toString()) },
  ];
  expect((await asked()).manifests).toEqual([
    { group: 3, size: 3 },
    { shares: [{ release: 3, share: 1 }] },
    { files: [content.toString()] },
  ]);
  expect(await plan(change)).not.toHaveProperty("manifests");
});

test("what opens a cloud's metadata is named, and refused where the platform does not decide it", async () => {
  await twice();
  const change = deployOf(3);
  const asked = { ...change, draft: { ...change.draft, network: { metadata: true as const } } };
  await expect(plan(asked)).rejects.toMatchObject({ code: "network_unsupported" });
  const words = "open: servers can read this machine's cloud credentials";
  expect(differences(undefined, asked.draft)).toContain(`cloud metadata: closed -> ${words}`);
  expect(differences(change.draft, asked.draft)).toEqual([`cloud metadata: closed -> ${words}`]);
  expect(differences(asked.draft, change.draft)).toEqual([`cloud metadata: ${words} -> closed`]);
});
