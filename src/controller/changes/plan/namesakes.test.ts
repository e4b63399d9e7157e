import { expect, test } from "vitest";
import { draftOf } from "../../../domain/rollout/release.ts";
import { anAsker, aPolicy, aRelease } from "../../../domain/testing.ts";
import { TestInstallation } from "../../testing.ts";

const ada = anAsker("ada@example");
const draft = { ...draftOf(aRelease(1)), secrets: [], files: [], traffic: undefined };

test("a new service with the image of another one is named as a second one, until that is removed", async () => {
  await using t = new TestInstallation();
  await t.deployed(1);
  const planOf = async (service: string, image = draft.image) => {
    const change = { kind: "deploy" as const, count: 3, draft: { ...draft, image }, policy: aPolicy() };
    const { changes } = await t.controller.plan({ service, change }, ada);
    return changes.filter((words) => words.includes("renam"));
  };
  expect(await planOf("store")).toEqual([expect.stringContaining("shop serves the same image, and stays")]);
  // Neither the service itself, nor another environment, nor another image is a new name of it.
  expect(await planOf("shop")).toEqual([]);
  expect(await planOf("shop.staging")).toEqual([]);
  expect(await planOf("store", aRelease(2).image)).toEqual([]);
  await t.controller.remove({ service: "shop" }, ada);
  expect(await planOf("store")).toEqual([]);
});
