import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { newImageKey } from "../../trust/signing/keys.ts";
import { TestInstallation } from "../testing.ts";

const ada = anAsker("ada@example");

/** An installation that trusts the keys `release` and `ci`, and their ids. */
async function trusting(t: TestInstallation) {
  const add = async (name: string) =>
    (await t.controller.trustKey({ name, publicKey: newImageKey().publicPem }, ada)).keyId;
  return { release: await add("release"), ci: await add("ci") };
}

const imageOf = (number: number) => aRelease(number).image;

test("where a policy enforces, only images that one of its keys has signed are deployed", async () => {
  await using t = new TestInstallation();
  const { ci } = await trusting(t);
  await t.controller.requireSigned({ mode: "enforce", signedBy: ["release", "ci"] }, ada);
  await expect(t.deploy(1)).rejects.toMatchObject({
    code: "image_refused",
    exitCode: 3,
    message: expect.stringMatching(
      /policy of this installation refuses sha256:.*no valid signature by release or ci/,
    ),
    hint: expect.stringContaining("kiln image sign"),
  });
  expect(t.store.desired("shop")).toBeUndefined();
  t.signers.set(imageOf(1), [ci]);
  const accepted = await t.deploy(1);
  expect(accepted.admission?.rules).toMatchObject([{ passed: true, because: `signed by ci (${ci})` }]);
  const { serving } = await t.settled();
  expect(serving?.admission).toEqual(accepted.admission);
  const started = t.store.events({}).find(({ kind }) => kind === "rollout.started");
  expect(started?.data.admission).toEqual(JSON.parse(JSON.stringify(accepted.admission)));
});

test("a plan shows what policies say, and is refused where the deploy would be", async () => {
  await using t = new TestInstallation();
  await trusting(t);
  const draft = { ...draftOf(aRelease(1)), secrets: [], files: [] };
  const change = { kind: "deploy" as const, count: 3, draft, policy: aPolicy() };
  const plan = () => t.controller.plan({ service: "shop", change }, ada);
  expect(await plan()).toMatchObject({ admission: undefined });
  await t.controller.requireSigned({ mode: "warn", signedBy: ["release"] }, ada);
  expect(await plan()).toMatchObject({
    admission: { rules: [{ passed: false, mode: "warn", because: "no valid signature by release" }] },
  });
  await t.controller.requireSigned({ mode: "enforce", signedBy: ["release"] }, ada);
  await expect(plan()).rejects.toMatchObject({ code: "image_refused" });
});

test("a policy that warns deploys the image all the same, and the release keeps the verdict", async () => {
  await using t = new TestInstallation();
  await trusting(t);
  await t.controller.requireSigned({ mode: "warn", signedBy: ["release"] }, ada);
  const { serving } = await t.deployed(1);
  expect(serving).toMatchObject({ number: 1, admission: { rules: [{ passed: false, mode: "warn" }] } });
  await t.controller.liftPolicy({}, ada);
  expect((await t.deployed(2)).serving?.admission).toBeUndefined();
});

test("a rollback is decided by the keys and policies of now, and a deploy that turns back is not refused", async () => {
  await using t = new TestInstallation();
  const { release, ci } = await trusting(t);
  t.signers.set(imageOf(1), [release]);
  t.signers.set(imageOf(2), [ci]);
  await t.controller.requireSigned({ mode: "enforce", signedBy: ["release", "ci"] }, ada);
  await t.deployed(1);
  await t.deployed(2);
  await t.controller.revokeKey({ name: "release", reason: "the laptop was stolen" }, ada);
  await expect(t.controller.rollback({ service: "shop" }, ada)).rejects.toMatchObject({
    code: "image_refused",
    message: expect.stringContaining(
      `signed by release (${release}), which ada@example revoked: the laptop was stolen`,
    ),
  });
  t.signers.set(imageOf(1), [release, ci]); // signed again, by a key that is still trusted
  await t.controller.rollback({ service: "shop" }, ada);
  const { serving } = await t.settled();
  expect(serving).toMatchObject({ number: 1, admission: { rules: [{ because: `signed by ci (${ci})` }] } });
  t.signers.set(imageOf(3), [ci]);
  await t.deploy(3);
  await t.controller.revokeKey({ name: "ci", reason: "lost" }, ada);
  await t.controller.rollback({ service: "shop" }, ada);
  expect((await t.settled()).serving).toMatchObject({ number: 1 });
});

test("a policy that comes while an image is brought to its target is observed", async () => {
  await using t = new TestInstallation();
  await trusting(t);
  t.platform.publish = async () => {
    await t.controller.requireSigned({ mode: "enforce", signedBy: ["release"] }, ada);
  };
  await expect(t.deploy(1)).rejects.toMatchObject({ code: "image_refused" });
  expect(t.store.desired("shop")).toBeUndefined();
});

test("policies of other targets do not matter, and all that do must be met", async () => {
  await using t = new TestInstallation();
  const { release } = await trusting(t);
  t.store.addTarget({ name: "north", platform: "fake", options: {} }, ada);
  await t.controller.requireSigned({ target: "north", mode: "enforce", signedBy: ["ci"] }, ada);
  await t.deployed(1);
  await t.controller.requireSigned({ mode: "enforce", signedBy: ["release"] }, ada);
  await t.controller.requireSigned({ target: "local", mode: "enforce", signedBy: ["ci"] }, ada);
  t.signers.set(imageOf(2), [release]);
  await expect(t.deploy(2)).rejects.toMatchObject({
    message: expect.stringContaining("policy of the target local"),
  });
});

test("a name always means the same key, a revoked key stays revoked, and what is unknown is said", async () => {
  await using t = new TestInstallation();
  await trusting(t);
  const [key] = (await t.controller.trust({})).keys;
  const publicKey = key?.publicKey ?? "";
  await t.controller.revokeKey({ name: "ci", reason: "lost" }, ada);
  for (const name of ["ci", "another"]) {
    await expect(t.controller.trustKey({ name, publicKey }, ada)).rejects.toMatchObject({
      code: "trusted_key_taken",
      message: expect.stringContaining("revoked"),
    });
  }
  await expect(t.controller.trustKey({ name: "x", publicKey: "hello" }, ada)).rejects.toMatchObject({
    code: "signing_key_invalid",
  });
  await expect(t.controller.revokeKey({ name: "relaese", reason: "lost" }, ada)).rejects.toMatchObject({
    code: "trusted_key_unknown",
    hint: expect.stringContaining("Did you mean release?"),
  });
  await expect(t.controller.requireSigned({ mode: "warn", signedBy: ["none"] }, ada)).rejects.toMatchObject({
    code: "trusted_key_unknown",
  });
  await expect(
    t.controller.requireSigned({ target: "south", mode: "warn", signedBy: ["release"] }, ada),
  ).rejects.toMatchObject({ code: "target_unknown" });
});
