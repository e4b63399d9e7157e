import { expect, test } from "vitest";
import {
  type Grant,
  grantFor,
  grantForAll,
  grantForImages,
  grantText,
  matches,
  mayBreakGlass,
} from "./access.ts";
import { hostAndPort, loginText, parseLoginText } from "./login-text.ts";

const deployer: Grant = { role: "deployer", services: ["shop*"], environments: ["production", "staging-*"] };
const bare: Grant = { role: "operator", services: ["shop"], environments: ["-"] };
const admin: Grant = { role: "admin", services: ["*"], environments: ["*"] };

test.each([
  ["shop.production", true],
  ["shop-api.staging-eu", true],
  ["shop.staging", false],
  ["shop", false],
  ["bank.production", false],
  ["", false],
])("a deployer of shop* in production and staging-* may deploy %s: %s", (key, may) => {
  expect(grantFor([deployer], "deploy", key) !== undefined).toBe(may);
});

test("a service without an environment is named by -, and * means it too", () => {
  expect(grantFor([bare], "operate", "shop")).toBe(bare);
  expect(grantFor([bare], "operate", "shop.production")).toBeUndefined();
  expect(grantFor([admin], "administer", "shop")).toBe(admin);
});

test("a role gives its own rights and no others, and grants add up", () => {
  expect(grantFor([deployer], "operate", "shop.production")).toBeUndefined();
  expect(grantFor([deployer, { ...deployer, role: "operator" }], "operate", "shop.production")?.role).toBe(
    "operator",
  );
  expect(grantFor([{ ...admin, role: "approver" }], "deploy", "shop")).toBeUndefined();
});

test("images are viewed and deployed by someone who may do so in one environment, and removed by those who may in all", () => {
  expect(grantForImages([deployer], "deploy", "shop")).toBe(deployer);
  expect(grantForImages([bare], "operate", "shop")).toBeUndefined();
  expect(grantForImages([{ ...bare, environments: ["*"] }], "operate", "shop")).toBeDefined();
});

test("only a grant without limits is one for everything", () => {
  expect(grantForAll([{ ...admin, services: ["s*"] }], "view")).toBeUndefined();
  expect(grantForAll([{ ...admin, environments: ["production"] }], "view")).toBeUndefined();
  expect(grantForAll([admin], "view")).toBe(admin);
});

test.each([
  ["shop", "shop", true],
  ["shop", "shops", false],
  ["*", "", true],
  ["a*a", "a", false],
  ["a*b*c", "a-b-b-c", true],
  ["a*bc*c", "abc", false],
  ["a**c", "ac", true],
  ["refs/tags/v*", "refs/tags/v1", true],
  ["refs/tags/v*", "x/refs/tags/v1", false],
  [`${"*a".repeat(40)}b`, "a".repeat(5_000), false],
])("%s matches %s: %s", (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected);
});

test.each(["10.0.0.1:7443", "[fd00::1]:7443", "kiln.example.com:7443"])(
  "the login text of %s is read as it was written",
  (address) => {
    const pin = "u".repeat(43);
    const invite = `kiln_inv_${"a".repeat(8)}_${"b".repeat(49)}`;
    expect(parseLoginText(` ${loginText({ address, pin, invite })}\n`)).toEqual({ address, pin, invite });
    expect(parseLoginText(loginText({ address, pin, invite: undefined }))).toEqual({
      address,
      pin,
      invite: undefined,
    });
  },
);

test.each([
  "",
  "kiln1.",
  "kiln2.a:1.x",
  `kiln1.a.${"u".repeat(43)}`,
  `kiln1.a:1.${"u".repeat(42)}`,
  `kiln1.a:1.${"u".repeat(43)}.x`,
])("%j is not a login text", (text) => {
  expect(parseLoginText(text)).toBeUndefined();
});

test("an address is taken apart at its last colon", () => {
  expect(hostAndPort("[fd00::1]:7443")).toEqual({ host: "fd00::1", port: 7443 });
  expect(hostAndPort(":7443")).toEqual({ host: "", port: 7443 });
});

test("break-glass is a part of a grant, and counts where that lets its holder deploy", () => {
  const strong: Grant = { ...deployer, breakGlass: true };
  expect(mayBreakGlass([deployer], "shop.production")).toBe(false);
  expect(mayBreakGlass([strong], "shop.production")).toBe(true);
  expect(mayBreakGlass([strong, { ...deployer, services: ["*"] }], "blog.production")).toBe(false);
  expect(mayBreakGlass([{ ...strong, role: "approver" }], "shop.production")).toBe(false);
  expect(mayBreakGlass([admin], "shop.production")).toBe(true);
  expect(grantText(strong)).toContain(", with break-glass");
});
