import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";

const asked = (name: string, uid: number) => {
  const { actor } = anAsker(name);
  return { actor: { ...actor, uid } };
};
const ada = asked("ada", 1000);
const ben = asked("ben", 1001);
const hour = 3_600_000;

test("where it is frozen no deploy begins, and rollbacks, aborts, replacements and other numbers of servers continue", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  await t.deployed(2);
  await t.deploy(3);
  const frozen = await t.controller.freeze({ environment: "none", reason: "incident 12", forMs: hour }, ada);
  expect(frozen).toMatchObject({ id: 1, services: ["shop"], untilMs: t.clock.now() + hour });
  expect((await t.settled()).serving?.number).toBe(3); // what runs is not stopped
  await expect(t.deploy(4)).rejects.toMatchObject({
    ...{ code: "policy_refused", exitCode: 3, hint: expect.stringContaining("--break-glass") },
    problems: [
      {
        place: { file: "freeze 1" },
        message: expect.stringContaining("incident 12"),
        hint: expect.stringContaining("kiln unfreeze 1"),
      },
    ],
  });
  expect(t.store.desired("shop")?.releases.size).toBe(3);
  expect((await t.deploy(3)).rollout).toBeUndefined(); // it serves: nothing begins
  await t.controller.scale({ service: "shop", count: 2 }, ada);
  await t.controller.rollback({ service: "shop" }, ada);
  expect((await t.settled()).serving?.number).toBe(2);
  await t.clock.advance(hour);
  expect(await t.controller.policies({})).toMatchObject({ freezes: [] });
  await t.deployed(4);
});

test("the check before a build is refused as the deploy would be, only where it is about a deploy", async () => {
  await using t = new TestInstallation();
  const { image: _image, version: _version, ...draft } = { ...draftOf(aRelease(1)), secrets: [], files: [] };
  await t.controller.freeze({ reason: "incident 12" }, ada);
  await t.controller.check({ service: "shop", draft }, ada);
  await expect(t.controller.check({ service: "shop", draft, begin: {} }, ada)).rejects.toMatchObject({
    code: "policy_refused",
  });
  await expect(
    t.controller.check({ service: "shop", draft, begin: { breakGlass: true } }, ada),
  ).rejects.toMatchObject({ code: "usage" });
  await t.controller.check({ service: "shop", draft, begin: { breakGlass: true, reason: "it burns" } }, ada);
});

test("a plan shows what would be refused, and has a digest all the same", async () => {
  await using t = new TestInstallation();
  const draft = { ...draftOf(aRelease(1)), secrets: [], files: [] };
  const change = { kind: "deploy" as const, count: 3, draft, policy: aPolicy() };
  const free = await t.controller.plan({ service: "shop", change }, ada);
  await t.controller.freeze({ reason: "incident 12" }, ada);
  const frozen = await t.controller.plan({ service: "shop", change }, ada);
  expect(frozen).toMatchObject({
    admission: { rules: [{ kind: "freeze", passed: false }] },
    digest: free.digest,
  });
  expect(t.store.policies.overrides()).toEqual([]);
});

test("the policy file is decided by from the next deploy on, and refuses with its line", async () => {
  await using t = new TestInstallation();
  const text = "policies:\n  none:\n    reason: required\n";
  await t.controller.setPolicy({ name: "policy.yaml", text }, ada);
  await expect(t.deploy(1)).rejects.toMatchObject({
    problems: [{ place: { file: "policy.yaml", line: 3 }, message: "no reason is given." }],
  });
  await t.deployed(1, { reason: "the first" });
  expect((await t.status()).serving?.admission?.rules).toMatchObject([{ kind: "reason", passed: true }]);
  await expect(t.controller.setPolicy({ name: "policy.yaml", text: "policies:" }, ada)).rejects.toMatchObject(
    {
      code: "spec_invalid",
      problems: [{ place: { file: "policy.yaml", line: 1 } }],
    },
  );
  await t.controller.removePolicy({}, ada);
  await t.deployed(2);
  const kinds = t.store.events({}).map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind.startsWith("policy."))).toEqual(["policy.set", "policy.removed"]);
});

test("what someone lets through against policies is an event, and shows until another person has looked at it", async () => {
  await using t = new TestInstallation();
  await t.controller.freeze({ reason: "incident 12" }, ben);
  await expect(t.deploy(1, { breakGlass: true }, ada)).rejects.toMatchObject({ code: "usage" });
  const { rollout = 0 } = await t.deploy(1, { breakGlass: true, reason: "it burns" }, ada);
  const status = await t.settled();
  expect(status.serving?.admission).toMatchObject({ breakGlass: true, rules: [{ passed: false }] });
  expect(status.warnings).toMatchObject([
    { message: expect.stringContaining("ada began rollout 1 against policies") },
  ]);
  expect(t.store.events({ kinds: ["policy.overridden"] })).toMatchObject([
    { service: "shop", data: { rollout, reason: "it burns", actor: { name: "ada" } } },
  ]);
  const review = (who: typeof ada) => t.controller.review({ rollout, reason: "It was right." }, who);
  // The same person under another name, or another login of the same name.
  for (const same of [ada, asked("root", 1000), asked("ada", 0)]) {
    await expect(review(same)).rejects.toMatchObject({ code: "review_refused", exitCode: 3 });
  }
  expect(await review(ben)).toMatchObject({ review: { by: "ben" } });
  await expect(review(ben)).rejects.toMatchObject({ code: "review_refused" });
  await expect(t.controller.review({ rollout: 99, reason: "?" }, ben)).rejects.toMatchObject({
    code: "override_unknown",
  });
  expect((await t.status()).warnings).toEqual([]);
  // With nothing to override it is an ordinary deploy.
  await t.controller.unfreeze({}, ben);
  await t.deployed(2, { breakGlass: true, reason: "to be sure" });
  expect(t.store.policies.overrides()).toHaveLength(1);
});

test("freezes are lifted by number or scope, and outlive the controller", async () => {
  await using t = new TestInstallation();
  await t.controller.freeze({ environment: "production", reason: "one" }, ada);
  await t.controller.freeze({ service: "shop", reason: "two" }, ada);
  await t.controller.freeze({ reason: "three" }, ada);
  await t.stop();
  t.start();
  expect((await t.controller.policies({})).freezes).toHaveLength(3);
  expect(await t.controller.unfreeze({ environment: "staging" }, ben)).toEqual([]);
  expect(await t.controller.unfreeze({ environment: "production", reason: "over" }, ben)).toMatchObject([
    { id: 1 },
  ]);
  expect(await t.controller.unfreeze({}, ben)).toMatchObject([{ id: 3 }]);
  expect(await t.controller.unfreeze({ id: 2 }, ben)).toMatchObject([{ reason: "two" }]);
  const lifted = t.store.events({ kinds: ["freeze.lifted"] });
  expect(lifted.map(({ message }) => message)).toContain("ben lifted the freeze of production: over");
});
