import { expect, test } from "vitest";
import { draftOf } from "../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../domain/testing.ts";
import { testTargets } from "../targets/testing.ts";
import { TestInstallation } from "../testing.ts";
import { differences } from "./plan/differences.ts";

const ada = anAsker("ada@example");
const fuse = ["/dev/fuse"];
const without = { ...draftOf(aRelease(2)), secrets: [], files: [] };
const draft = { ...without, shape: { ...without.shape, devices: fuse } };

test("a device is given only where an administrator has named it, also by a rollback", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  const refused = {
    code: "device_not_allowed",
    hint: expect.stringContaining("kiln access allow /dev/fuse"),
  };
  const plan = () =>
    t.controller.plan(
      { service: "shop", change: { kind: "deploy", count: 3, draft, policy: aPolicy() } },
      ada,
    );
  await expect(plan()).rejects.toMatchObject(refused);
  await expect(t.deploy(2, { draft })).rejects.toMatchObject(refused);
  // A pattern that would fit says nothing about this device.
  t.store.access.allow("/dev/*", ada);
  await expect(t.deploy(2, { draft })).rejects.toMatchObject(refused);
  t.store.access.allow("/dev/fuse", ada);
  const words = "devices: none -> /dev/fuse (less isolated: servers reach drivers of this machine's kernel)";
  expect((await plan()).changes).toContain(words);
  await t.deployed(2, { draft });
  await t.deployed(3);
  t.store.access.disallow("/dev/fuse", ada);
  await expect(t.controller.rollback({ service: "shop", release: 2 }, ada)).rejects.toMatchObject({
    ...{ code: "rollback_impossible", hint: expect.stringContaining("kiln access allow /dev/fuse") },
  });
});

test("the plan of a first release names its devices, and of a later one that they are gone", () => {
  expect(differences(undefined, draft).join()).toContain("devices: none -> /dev/fuse (less isolated");
  expect(differences(draft, without)).toEqual([expect.stringMatching(/^devices: \/dev\/fuse .* -> none$/)]);
  expect(differences(draft, draft)).toEqual([]);
});

test("a move gives no device that is not allowed any more", async () => {
  await using t = await testTargets("north");
  t.store.access.allow("/dev/fuse", ada);
  await t.deployed("shop", 2, { draft });
  t.store.access.disallow("/dev/fuse", ada);
  await expect(t.controller.move({ service: "shop", target: "north" }, ada)).rejects.toMatchObject({
    code: "device_not_allowed",
  });
});
