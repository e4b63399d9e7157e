import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { TestInstallation } from "../testing.ts";

const asked = (name: string, uid: number) => {
  const { actor } = anAsker(name);
  return { actor: { ...actor, name, uid } };
};
const ada = asked("ada", 1000);
const ben = asked("ben", 1001);
const cleo = asked("cleo", 1002);
const pipeline = {
  actor: { via: "token", kind: "ci", name: "shop-ci", token: "abcdefgh", address: "192.0.2.1" },
} as const;
const hour = 3_600_000;

const changeTo = (number: number) => ({
  ...{ kind: "deploy" as const, count: 3, policy: aPolicy() },
  draft: { ...draftOf(aRelease(number)), secrets: [], files: [] },
});

async function asking(t: TestInstallation, text = "approvals: {count: 2, expires: 1h}") {
  await t.controller.setPolicy({ name: "policy.yaml", text: `policies:\n  none:\n    ${text}\n` }, ada);
  const planOf = (number: number) => t.controller.plan({ service: "shop", change: changeTo(number) }, ada);
  const approve = (plan: string, who: typeof ada) => t.controller.approve({ plan }, who);
  return { planOf, approve };
}

test("a deploy begins once enough other persons have approved its plan, and the refusal names the plan", async () => {
  await using t = new TestInstallation();
  const { planOf, approve } = await asking(t);
  const { digest, admission } = await planOf(1);
  expect(admission?.rules).toMatchObject([{ kind: "approvals", passed: false }]);
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({
    ...{ code: "policy_refused", exitCode: 3 },
    problems: [
      { place: { file: "policy.yaml", line: 3 }, hint: expect.stringContaining(`kiln approve ${digest}`) },
    ],
  });
  await approve(digest, ben);
  // The author, the same person again, and the same person under another name.
  for (const who of [ada, asked("root", 1000), ben, asked("root", 1001)]) await approve(digest, who);
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({ code: "policy_refused" });
  await approve(digest, cleo);
  expect((await planOf(1)).admission?.rules).toMatchObject([{ passed: true }]);
  const { admission: said } = await t.deploy(1, {}, ada);
  expect(said?.rules).toMatchObject([{ because: "ben and cleo approved this plan", passed: true }]);
  // One of the two who approved cannot be the one who begins it.
  await t.settled();
  const next = (await planOf(2)).digest;
  for (const who of [ben, cleo]) await approve(next, who);
  await expect(t.deploy(2, {}, ben)).rejects.toMatchObject({ code: "policy_refused" });
});

test("an approval is of one plan: what is changed afterwards is not approved", async () => {
  await using t = new TestInstallation();
  const { planOf, approve } = await asking(t);
  const { digest } = await planOf(1);
  for (const who of [ben, cleo]) await approve(digest, who);
  await expect(t.deploy(2, {}, ada)).rejects.toMatchObject({ code: "policy_refused" });
  await expect(t.deploy(1, { count: 4 }, ada)).rejects.toMatchObject({ code: "policy_refused" });
  await t.deploy(1, {}, ada);
  await t.settled();
  // The same image again, from what serves now, is another plan.
  await t.controller.removePolicy({}, ada);
  await t.deployed(2);
  await asking(t);
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({ code: "policy_refused" });
});

test("approvals expire, and outlive the controller until then", async () => {
  await using t = new TestInstallation();
  const { planOf, approve } = await asking(t);
  const { digest } = await planOf(1);
  await approve(digest, ben);
  await t.clock.advance(hour / 2);
  await approve(digest, cleo);
  await t.stop();
  t.start();
  await t.clock.advance(hour / 2);
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({ code: "policy_refused" });
  await t.controller.approve({ plan: digest }, ben);
  await t.deployed(1);
});

test("a changed file is tested on the deploys of the log, each at its time", async () => {
  await using t = new TestInstallation();
  await t.deployed(1, { reason: "the first" });
  await t.deployed(2);
  await t.controller.rollback({ service: "shop" }, ada);
  await t.settled();
  const before = t.store.lastSequence();
  const found = await t.controller.testPolicy(
    {
      name: "new.yaml",
      text: "policies:\n  none:\n    reason: required\n",
    },
    ada,
  );
  expect(found).toMatchObject([
    { rollout: 1, refused: [] },
    { rollout: 2, refused: [{ kind: "reason", place: "new.yaml:3" }] },
  ]);
  expect(t.store.lastSequence()).toBe(before);
  const soak = await t.controller.testPolicy(
    {
      name: "new.yaml",
      text: "policies:\n  none:\n    requires: {staging: 1h}\n",
    },
    ada,
  );
  expect(soak.map(({ refused }) => refused.length)).toEqual([1, 1]);
});

test("a file is tested on freezes and approvals as they were", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  const { planOf, approve } = await asking(t, "approvals: {count: 1, expires: 1h}");
  const { digest } = await planOf(2);
  await approve(digest, ben);
  await t.clock.advance(hour / 2);
  await t.deployed(2);
  await t.controller.freeze({ environment: "none", reason: "incident 12" }, ben);
  await t.deployed(3, { breakGlass: true, reason: "it burns" });
  await t.controller.unfreeze({ environment: "none" }, ben);
  await t.deployed(4, { breakGlass: true, reason: "it still burns" });
  const said = async (approvals: string) => {
    const text = `policies:\n  none:\n    approvals: ${approvals}\n`;
    const deploys = await t.controller.testPolicy({ name: "new.yaml", text }, ada);
    return deploys.map(({ refused }) => refused.map(({ place, because }) => `${place}: ${because}`));
  };
  const noOne = "new.yaml:3: no one approved this plan; expected one person other than ada@example";
  expect(await said("{count: 1}")).toEqual([
    ["new.yaml:3: no one was asked to approve its plan; expected one person other than ada@example"],
    [],
    [expect.stringMatching(/^freeze 1: ben has frozen .*incident 12$/), noOne],
    [noOne],
  ]);
  expect((await said("{count: 1, expires: 10m}"))[1]).toEqual([noOne]);
  expect((await said("{count: 2}"))[1]).toEqual([
    "new.yaml:3: ben approved this plan; expected 2 persons other than ada@example",
  ]);
});

test("a pipeline neither approves nor reviews", async () => {
  await using t = new TestInstallation();
  const { planOf } = await asking(t, "approvals: {count: 1}");
  const { digest } = await planOf(1);
  await expect(t.controller.approve({ plan: digest }, pipeline)).rejects.toMatchObject({ code: "forbidden" });
  await t.deploy(1, { breakGlass: true, reason: "no one is there" }, ada);
  const review = { rollout: 1, reason: "fine" };
  await expect(t.controller.review(review, pipeline)).rejects.toMatchObject({ code: "forbidden" });
  await t.controller.review(review, ben);
});

test("where only pipelines change, a person needs break-glass", async () => {
  await using t = new TestInstallation();
  await asking(t, "changes: ci-only");
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({ code: "policy_refused" });
  await t.deploy(1, {}, pipeline);
  await t.settled();
  await t.deploy(2, { breakGlass: true, reason: "CI is down" }, ada);
  expect((await t.settled()).warnings).toHaveLength(1);
});

test("only those begin rollouts that the policy names, and only services that it names open a cloud's metadata", async () => {
  await using t = new TestInstallation();
  Object.assign(t.platform, { names: true });
  const open = { draft: { ...draftOf(aRelease(2)), files: [], network: { metadata: true as const } } };
  await t.deployed(1);
  await t.deployed(2, open);
  const text =
    "policies:\n  none:\n    from: {pipelines: [shop-ci], people: [ben]}\n    metadata: [backup]\n";
  const said = await t.controller.testPolicy({ name: "new.yaml", text }, ada);
  expect(said.map(({ refused }) => refused.map(({ kind }) => kind))).toEqual([
    ["from"],
    ["from", "metadata"],
  ]);
  await t.controller.setPolicy({ name: "policy.yaml", text }, ada);
  await expect(t.deploy(3, {}, ada)).rejects.toMatchObject({
    ...{ code: "policy_refused", problems: [{ place: { line: 3 } }] },
  });
  const metadata = { code: "policy_refused", problems: [{ place: { line: 4 } }] };
  await expect(t.deploy(3, { draft: { ...open.draft, version: "3" } }, ben)).rejects.toMatchObject(metadata);
  await t.deploy(3, {}, pipeline);
  await t.settled();
  await t.deploy(4, {}, ben);
  await t.settled();
  await t.deploy(5, { breakGlass: true, reason: "CI is down" }, ada);
});

test("an approval for one service counts for no other", async () => {
  await using t = new TestInstallation();
  const { planOf } = await asking(t, "approvals: {count: 1}");
  const { digest } = await planOf(1);
  await t.controller.approve({ plan: digest, service: "blog" }, ben);
  await expect(t.deploy(1, {}, ada)).rejects.toMatchObject({
    code: "policy_refused",
    problems: [{ hint: expect.stringContaining("--service shop") }],
  });
  await t.controller.approve({ plan: digest, service: "shop" }, ben);
  await t.deployed(1);
});
