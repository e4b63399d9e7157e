import { expect, test } from "vitest";
import { challengeName } from "./dns-hook.ts";

const hosts = ["*.shop.example", "store.example"];

test("a record is changed for an ordered name, also for that of a wildcard", () => {
  expect(challengeName("store.example", hosts)).toBe("_acme-challenge.store.example");
  expect(challengeName("shop.example", hosts)).toBe("_acme-challenge.shop.example");
});

test.each(["bank.example", "www.shop.example", "example", "", "shop.example\n--x", "*.shop.example"])(
  "an authority that asks about %j has nothing changed",
  (identifier) => {
    expect(() => challengeName(identifier, hosts)).toThrow("which was not ordered");
  },
);
