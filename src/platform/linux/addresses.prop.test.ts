import fc from "fast-check";
import { expect, test } from "vitest";
import {
  chooseAddress,
  chooseSubnet,
  formatAddress,
  overlap,
  parseAddress,
  parseSubnet,
  subnetSize,
} from "./addresses.ts";

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test("an address survives being written and read", () => {
  fc.assert(fc.property(address, (a) => parseAddress(formatAddress(a)) === a));
});

test("the chosen network meets no other", () => {
  const other = fc.record({
    base: fc.integer({ min: 0x0ac0_0000, max: 0x0aff_ffff }),
    bits: fc.integer({ min: 16, max: 32 }),
  });
  fc.assert(
    fc.property(fc.string(), fc.array(other, { maxLength: 8 }), (tag, taken) => {
      const chosen = chooseSubnet(tag, taken);
      expect(chosen && taken.some((subnet) => overlap(subnet, chosen))).not.toBe(true);
    }),
  );
});

test("a chosen address is within the network, free, and neither ours nor the broadcast address", () => {
  const subnet = { base: 0x0ac0_0000, bits: 28 };
  const offsets = fc.uniqueArray(fc.integer({ min: 2, max: 14 }));
  fc.assert(
    fc.property(offsets, fc.integer({ min: 0, max: 20 }), (used, after) => {
      const taken = new Set(used.map((offset) => subnet.base + offset));
      const chosen = chooseAddress(subnet, taken, subnet.base + after);
      if (taken.size === subnetSize(subnet) - 3) return expect(chosen).toBeUndefined();
      expect(chosen).toBeGreaterThan(subnet.base + 1);
      expect(chosen).toBeLessThan(subnet.base + 15);
      expect(taken.has(chosen ?? 0)).toBe(false);
    }),
  );
});

test("addresses go round before one is given out again", () => {
  const subnet = { base: 0x0ac0_0000, bits: 29 };
  expect(chooseAddress(subnet, new Set(), subnet.base + 3)).toBe(subnet.base + 4);
  expect(chooseAddress(subnet, new Set(), subnet.base + 6)).toBe(subnet.base + 2);
});

test("text that is not an IPv4 network gives none", () => {
  expect([parseSubnet("default"), parseSubnet("fe80::/64"), parseSubnet("10.0.0.256")]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(parseSubnet("10.1.2.0/24")).toEqual({ base: 0x0a01_0200, bits: 24 });
});
