import { createPrivateKey, sign } from "node:crypto";
import { expect, test } from "vitest";
import { newImageKey, parsePublicKey } from "./keys.ts";
import { openSimpleSigning } from "./simple-signing.ts";

const digest = `sha256:${"a".repeat(64)}`;
const { privatePem, publicPem } = newImageKey();
const key = parsePublicKey(publicPem, "the test's key");
const other = parsePublicKey(newImageKey().publicPem, "another key");

function signed(payload: unknown) {
  const bytes = Buffer.from(JSON.stringify(payload));
  return { bytes, signature: sign("sha256", bytes, createPrivateKey(privatePem)).toString("base64") };
}

function payload(type = "cosign container image signature") {
  return {
    critical: {
      identity: { "docker-reference": "registry.example/team/shop" },
      image: { "docker-manifest-digest": digest },
      type,
    },
    optional: null,
  };
}

test("a signature names its image, and counts for its key alone", () => {
  const { bytes, signature } = signed(payload());
  expect(openSimpleSigning(bytes, signature, [other, key])).toEqual({ keys: [key], digest });
  expect(openSimpleSigning(bytes, signature, [other])).toBe("other-key");
  expect(openSimpleSigning(bytes, "", [key])).toBe("other-key");
  const altered = Buffer.from(bytes.toString().replace("aaaa", "bbbb"));
  expect(openSimpleSigning(altered, signature, [key])).toBe("other-key");
});

test.each([
  ["another type", payload("atomic container signature")],
  ["no image", { critical: { type: "cosign container image signature" } }],
  ["not an object", "hello"],
])("not a signature of an image: %s", (_, value) => {
  const { bytes, signature } = signed(value);
  expect(openSimpleSigning(bytes, signature, [key])).toBe("malformed");
});
