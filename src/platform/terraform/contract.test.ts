import { expect, test } from "vitest";
import { checkServers } from "./contract.ts";

const one = { name: "shop-7-1-1", id: "i-1", address: "10.0.0.1" };
const two = { name: "shop-7-2-1", id: "i-2", address: "fd00::2" };
const names = [one.name, two.name];

test("what a module tells is taken when it is one server for each name", () => {
  expect(checkServers([two, { ...one, zone: "a" }], names)).toEqual([two, one]);
  expect(checkServers([], [])).toEqual([]);
});

test("no server gets the address of one of another group", () => {
  const used = new Map([[one.address, "shop-6-1-1"]]);
  expect(() => checkServers([one, two], names, used)).toThrow("10.0.0.1, which shop-6-1-1 has");
});

test.each([
  ["no list", { servers: [] }, "is not a list"],
  ["a server without an address", [{ name: one.name, id: "i-1", address: null }, two], "is not a list"],
  ["a line break in an id", [{ ...one, id: "i-1\n" }, two], "is not a list"],
  ["a server too few", [one], "lacks shop-7-2-1"],
  ["one that was not asked for", [one, two, { ...two, name: "shop-8-1-1" }], "not asked for"],
  ["one name twice", [one, two, { ...one, address: "10.0.0.9" }], "has shop-7-1-1 twice"],
  ["one address twice", [one, { ...two, address: one.address }], "gives the address 10.0.0.1 to two"],
  ["a host name", [{ ...one, address: "web.example" }, two], "which no server has"],
  ["the address of a cloud's metadata", [{ ...one, address: "169.254.169.254" }, two], "which no server has"],
  ["that of AWS by IPv6", [{ ...one, address: "fd00:ec2:0::254" }, two], "which no server has"],
  ["that of Alibaba", [{ ...one, address: "100.100.100.200" }, two], "which no server has"],
  ["the unspecified address", [{ ...one, address: "::" }, two], "which no server has"],
])("%s breaks the contract", (_, output, words) => {
  expect(() => checkServers(output, names)).toThrow(expect.objectContaining({ code: "module_invalid" }));
  expect(() => checkServers(output, names)).toThrow(words);
});
