import { verify } from "node:crypto";
import { z } from "zod";
import type { PublicKey } from "./keys.ts";
import { jsonOf } from "./statement.ts";

/**
 * The signatures of cosign before version 3 (cosign, specs/SIGNATURE_SPEC.md): a layer of this type has the payload, and its annotation
 * the signature over the layer's bytes, in base64. They are in the manifest under the tag `sha256-<hex>.sig`.
 */
export const simpleSigning = {
  layer: "application/vnd.dev.cosign.simplesigning.v1+json",
  signature: "dev.cosignproject.cosign/signature",
} as const;

const schema = z.object({
  critical: z.object({
    image: z.object({ "docker-manifest-digest": z.string().max(200) }),
    type: z.literal("cosign container image signature"),
  }),
});

export interface OpenedSimpleSigning {
  /** Those that have signed it. */
  readonly keys: readonly [PublicKey, ...PublicKey[]];
  /** Of the manifest that it is about. */
  readonly digest: string;
}

/** `malformed` for what is not such a payload; `other-key` when none of the keys has signed it. */
export function openSimpleSigning(
  payload: Buffer,
  signature: string,
  keys: readonly PublicKey[],
): OpenedSimpleSigning | "malformed" | "other-key" {
  const { data } = schema.safeParse(jsonOf(payload.toString()));
  if (data === undefined) return "malformed";
  const bytes = Buffer.from(signature, "base64");
  const [key, ...others] = keys.filter(({ pem }) => verify("sha256", payload, pem, bytes));
  if (key === undefined) return "other-key";
  return { keys: [key, ...others], digest: data.critical.image["docker-manifest-digest"] };
}
