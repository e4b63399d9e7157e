import fc from "fast-check";
import { expect, test } from "vitest";
import { type SealedAs, seal, unseal } from "./sealing.ts";
import type { SecretKey } from "./secret-key.ts";

const key = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes): SecretKey => ({ path: "/k", bytes: Buffer.from(bytes), id: "" }));
const as: fc.Arbitrary<SealedAs> = fc.record({
  service: fc.constantFrom("shop", "shop.staging"),
  name: fc.stringMatching(/^[A-Z][A-Z0-9_]{0,5}$/),
  version: fc.integer({ min: 1, max: 9 }),
});
const value = fc.uint8Array({ minLength: 1, maxLength: 200 });

test("what is sealed comes back, and the same value never looks the same twice", () => {
  fc.assert(
    fc.property(key, as, value, (k, name, plain) => {
      const sealed = seal(k, name, plain);
      expect(unseal(k, name, sealed)).toEqual(Buffer.from(plain));
      expect(sealed.nonce).not.toEqual(seal(k, name, plain).nonce);
    }),
  );
});

test("with any bit changed, as another secret, or with another key, nothing comes back", () => {
  const bit = fc.nat();
  fc.assert(
    fc.property(key, key, as, as, value, bit, (k, otherKey, name, otherName, plain, n) => {
      const { nonce, sealed } = seal(k, name, plain);
      expect(unseal(k, name, { nonce, sealed: flipped(sealed, n) })).toBeUndefined();
      expect(unseal(k, name, { nonce: flipped(nonce, n), sealed })).toBeUndefined();
      expect(unseal(k, name, { nonce, sealed: sealed.subarray(0, n % sealed.length) })).toBeUndefined();
      if (JSON.stringify(name) !== JSON.stringify(otherName)) {
        expect(unseal(k, otherName, { nonce, sealed })).toBeUndefined();
      }
      if (!k.bytes.equals(otherKey.bytes)) expect(unseal(otherKey, name, { nonce, sealed })).toBeUndefined();
    }),
  );
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit % (bytes.length * 8);
  return bytes.map((byte, i) => (i === at >> 3 ? byte ^ (1 << (at & 7)) : byte));
}
