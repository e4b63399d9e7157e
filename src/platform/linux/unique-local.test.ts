import { expect, test } from "vitest";
import { hexOf } from "../../lib/net/addresses.ts";
import {
  gatewayOf,
  isFree,
  nameAddress6,
  serverAddress6,
  serversPrefix,
  uniqueLocalPrefix,
} from "./unique-local.ts";

const prefix = "fd12:3456:789a";

test("a prefix is made of 40 random bits, and no group of it is zero", () => {
  expect(uniqueLocalPrefix(Buffer.from("123456789a", "hex"))).toBe(prefix);
  expect(uniqueLocalPrefix(Buffer.from("0000010002", "hex"))).toBe("fd00:1:2");
  expect(uniqueLocalPrefix(Buffer.from("1200005678", "hex"))).toBeUndefined();
});

test("the address of a server follows from its IPv4 address, written as the kernel writes it", () => {
  const subnet = { base: 0x0ac0_0400, bits: 22 };
  expect(serverAddress6(prefix, subnet, subnet.base + 2)).toBe("fd12:3456:789a::2");
  expect(serverAddress6(prefix, subnet, subnet.base + 1022)).toBe("fd12:3456:789a::3fe");
  expect(nameAddress6(prefix, { base: 0xc612_0000, bits: 16 }, 0xc612_0105)).toBe("fd12:3456:789a:1::105");
  expect(serversPrefix(prefix)).toBe("fd12:3456:789a::/64");
  expect(gatewayOf("fd12:3456:789a::3fe")).toBe("fd12:3456:789a::1");
  expect(hexOf("fd12:3456:789a::3fe")).toBe("fd123456789a000000000000000003fe");
});

test.each([
  [["default", "fe80::/64", "10.0.0.0/8", "fd00::/8", "fc00::/7", "fd12:3456:789b::/64"], true],
  [["fd12:3456:789a:7::/64"], false],
  [["fd12:3456::/32"], false],
  [["fd12:3456:789a::5"], false],
])("next to networks of others: %j", (others, expected) => {
  expect(isFree(prefix, others)).toBe(expected);
});
