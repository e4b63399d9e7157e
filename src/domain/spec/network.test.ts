import { expect, test } from "vitest";
import { fullName, mayReach, searchDomain } from "./network.ts";

test.each([
  ["web", "shop", undefined, true],
  ["web.staging", "shop.staging", undefined, true],
  ["web.staging", "shop", undefined, false],
  ["web", "shop.staging", undefined, false],
  ["web.production", "shop.staging", undefined, false],
  ["shop.staging", "shop.staging", [], true],
  ["web.staging", "shop.staging", [], false],
  ["web.staging", "shop.staging", ["web"], true],
  ["api.staging", "shop.staging", ["web"], false],
  ["web", "shop.staging", ["web"], false],
  ["web", "shop.staging", ["web.kiln.internal"], true],
  ["api", "shop.staging", ["*.kiln.internal"], true],
  ["api.production", "shop.staging", ["*.kiln.internal"], false],
  ["api.production", "shop.staging", ["*.production"], true],
  ["api", "shop.staging", ["*.production", "*"], false],
  ["api.staging", "shop.staging", ["*.production", "*"], true],
  ["web.production", "shop", ["web.production"], true],
  ["webber", "shop", ["web"], false],
] as const)("%s may reach %s, which allows %j: %s", (caller, callee, allow, may) => {
  expect(mayReach(caller, callee, allow)).toBe(may);
});

test("names are completed within the environment of who asks", () => {
  expect([fullName("shop"), searchDomain("shop")]).toEqual(["shop.kiln.internal", "kiln.internal"]);
  expect([fullName("shop.staging"), searchDomain("web.staging")]).toEqual([
    "shop.staging.kiln.internal",
    "staging.kiln.internal",
  ]);
});
