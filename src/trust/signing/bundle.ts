import { sign, verify } from "node:crypto";
import { z } from "zod";
import { mediaTypes } from "../../image/store/oci-types.ts";
import { derDigestOf } from "../../lib/key-id.ts";
import type { ImageKey, PublicKey } from "./keys.ts";
import { jsonOf } from "./statement.ts";

const payloadType = "application/vnd.in-toto+json";

/**
 * The statement in a signed envelope (DSSE), in a bundle that names the key by the digest of its public half. The envelope's own
 * `keyid` is left out: cosign 3.1 refuses a signature that has one.
 */
export function signedBundle(statement: string, key: ImageKey): string {
  const payload = Buffer.from(statement);
  const sig = sign("sha256", preAuthentication(payload), key.privateKey).toString("base64");
  return JSON.stringify({
    mediaType: mediaTypes.bundle,
    verificationMaterial: {
      publicKey: { hint: derDigestOf(key.pem).toString("base64") },
      timestampVerificationData: {},
    },
    dsseEnvelope: { payload: payload.toString("base64"), payloadType, signatures: [{ sig }] },
  });
}

/** What is signed (DSSE, protocol.md, "Signature Definition"). */
function preAuthentication(payload: Buffer): Buffer {
  const head = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

const schema = z.object({
  mediaType: z.literal(mediaTypes.bundle),
  dsseEnvelope: z.object({
    payload: z.base64(),
    payloadType: z.literal(payloadType),
    signatures: z
      .array(z.object({ sig: z.base64() }))
      .min(1)
      .max(16),
  }),
});

/** What is in a bundle once its signature has been checked. */
export interface OpenedBundle {
  /** Those that have signed it. */
  readonly keys: readonly [PublicKey, ...PublicKey[]];
  /** The statement's text. */
  readonly statement: string;
}

/** `malformed` for what is not a bundle; `other-key` when none of the keys has signed it. */
export function openBundle(
  text: string,
  keys: readonly PublicKey[],
): OpenedBundle | "malformed" | "other-key" {
  const { data } = schema.safeParse(jsonOf(text));
  if (data === undefined) return "malformed";
  const { payload, signatures } = data.dsseEnvelope;
  const bytes = Buffer.from(payload, "base64");
  const signed = preAuthentication(bytes);
  const [key, ...others] = keys.filter(({ pem }) =>
    signatures.some(({ sig }) => verify("sha256", signed, pem, Buffer.from(sig, "base64"))),
  );
  return key === undefined ? "other-key" : { keys: [key, ...others], statement: bytes.toString() };
}
