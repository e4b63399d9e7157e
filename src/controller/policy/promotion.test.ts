import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import type { DeployRequest } from "../operations.ts";
import { TestInstallation } from "../testing.ts";

const ada = anAsker("ada@example");

/** What a deploy to staging sends along: production with 2 servers and another environment variable. */
function climbing(number = 1): DeployRequest["climbing"] {
  const {
    image: _image,
    version: _version,
    ...draft
  } = { ...draftOf(aRelease(number)), secrets: [], files: [] };
  const production = {
    ...{ target: undefined, count: 2, policy: aPolicy(), upkeep: undefined },
    draft: {
      ...draft,
      shape: { ...draft.shape, env: { STAGE: "production" } },
      traffic: { mode: "http" as const, listen: 9090, host: undefined },
    },
  };
  return { ladder: ["staging", "production"], rungs: { production } };
}

async function settled(t: TestInstallation, service: string) {
  const rollout = async () => (await t.controller.status({ service })).rollout;
  await t.clock.until(async () => (await rollout()) === undefined, 30 * 60_000);
  return t.controller.status({ service });
}

async function toStaging(t: TestInstallation, number: number) {
  await t.deploy(number, {
    service: "shop.staging",
    climbing: climbing(number),
    origin: { commit: "c".repeat(40) },
  });
  return settled(t, "shop.staging");
}

test("a promotion takes the digest that serves below, and the configuration that was recorded", async () => {
  await using t = new TestInstallation();
  const promote = () => t.controller.promotion({ service: "shop.production" }, ada);
  await expect(promote()).rejects.toMatchObject({
    code: "candidate_unknown",
    hint: expect.stringContaining("ladder"),
  });
  await toStaging(t, 1);
  await promote();
  const { serving, count } = await settled(t, "shop.production");
  expect(serving).toMatchObject({
    ...{ image: aRelease(1).image, version: "1.1.0", number: 1 },
    shape: { env: { STAGE: "production" } },
  });
  expect(count).toBe(2);
  expect(t.store.events({ service: "shop.production", kinds: ["rollout.started"] })).toMatchObject([
    { data: { origin: { commit: "c".repeat(40) } } },
  ]);
  expect((await promote()).rollout).toBeUndefined();
  await toStaging(t, 2);
  expect(await t.controller.candidates({ service: "shop" })).toMatchObject([
    { id: 2, version: "1.2.0", serves: ["staging"], environments: ["production"] },
    { id: 1, version: "1.1.0", serves: ["production"] },
  ]);
  const change = { kind: "promotion" as const };
  expect(await t.controller.plan({ service: "shop.production", change }, ada)).toMatchObject({
    changes: [expect.stringContaining("image")],
  });
  await promote();
  expect((await settled(t, "shop.production")).serving?.version).toBe("1.2.0");
  await t.controller.promotion({ service: "shop.production", candidate: 1 }, ada);
  expect((await settled(t, "shop.production")).serving?.image).toBe(aRelease(1).image);
  for (const wrong of [
    { service: "shop.production", candidate: 9 },
    { service: "shop.staging" },
    { service: "shop" },
    { service: "shop.constructor", candidate: 1 },
  ]) {
    await expect(t.controller.promotion(wrong, ada)).rejects.toMatchObject({ code: "candidate_unknown" });
  }
});

test("what was not promoted to the environment below is not promoted above it", async () => {
  await using t = new TestInstallation();
  await toStaging(t, 1);
  await t.deploy(2, { service: "shop.staging" }); // without a ladder: no candidate
  await settled(t, "shop.staging");
  await expect(t.controller.promotion({ service: "shop.production" }, ada)).rejects.toMatchObject({
    ...{ code: "candidate_unknown", message: expect.stringContaining("serves in staging") },
  });
});

test("an equal deploy makes no other candidate, and images of kept candidates are in use", async () => {
  await using t = new TestInstallation();
  await toStaging(t, 1);
  await toStaging(t, 1);
  expect(await t.controller.candidates({})).toHaveLength(1);
  expect(t.store.imagesInUse().get(aRelease(1).image)).toEqual([
    "shop.staging release 1",
    "shop candidate 1",
  ]);
  for (let number = 2; number <= 12; number++)
    await t.deploy(number, { service: "shop.staging", climbing: climbing(number), supersede: true });
  expect((await t.controller.candidates({})).map(({ id }) => id)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
});

test("a policy asks how long the image has served below, of a promotion and of a deploy alike", async () => {
  await using t = new TestInstallation();
  const text = "policies:\n  production:\n    requires: {staging: 1h}\n";
  await t.controller.setPolicy({ name: "policy.yaml", text }, ada);
  await toStaging(t, 1);
  const promote = () => t.controller.promotion({ service: "shop.production" }, ada);
  const refused = {
    code: "policy_refused",
    problems: [{ place: { file: "policy.yaml", line: 3 }, hint: expect.stringContaining("may begin from") }],
  };
  await expect(promote()).rejects.toMatchObject(refused);
  const byDeploy = (number: number) => {
    const draft = { ...draftOf(aRelease(number)), traffic: undefined, secrets: [], files: [] };
    return t.deploy(number, { service: "shop.production", draft });
  };
  await expect(byDeploy(1)).rejects.toMatchObject(refused);
  await t.clock.advance(3_600_000);
  await promote();
  expect((await settled(t, "shop.production")).serving?.image).toBe(aRelease(1).image);
  await expect(byDeploy(2)).rejects.toMatchObject({ code: "policy_refused" });
});

test("ladders say what serves where, what may climb, and what stands against it", async () => {
  await using t = new TestInstallation();
  const rungs = () => t.controller.ladders({}, ada);
  expect(await rungs()).toEqual([]);
  await toStaging(t, 1);
  await t.controller.setPolicy(
    { name: "policy.yaml", text: "policies: {production: {reason: required}}" },
    ada,
  );
  expect(await rungs()).toMatchObject([
    { environment: "staging", serving: { version: "1.1.0" }, candidate: 1, newer: 0, next: undefined },
    { service: "shop.production", serving: undefined, next: { candidate: 1, version: "1.1.0", refused: [] } },
  ]);
  await t.controller.freeze({ environment: "production", reason: "incident 12" }, ada);
  expect((await rungs())[1]?.next?.refused).toMatchObject([
    { kind: "freeze", because: expect.stringContaining("incident 12"), remedy: expect.any(String) },
  ]);
  await t.controller.unfreeze({ environment: "production" }, ada);
  await t.controller.promotion({ service: "shop.production", reason: "it is good" }, ada);
  expect((await rungs())[1]).toMatchObject({
    next: undefined,
    because: expect.stringContaining("under way"),
  });
  await settled(t, "shop.production");
  await toStaging(t, 2);
  await toStaging(t, 3);
  expect(await rungs()).toMatchObject([
    { candidate: 3, newer: 0 },
    { candidate: 1, newer: 2, next: { candidate: 3 } },
  ]);
});
