import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { canonicalJson } from "../lib/canonical-json.ts";
import { KilnError } from "../lib/errors.ts";
import { type PrivateFileWords, readPrivateFile } from "../lib/files/private-file.ts";
import { keyIdOf } from "../lib/key-id.ts";

/** The key that signs checkpoints: Ed25519 (RFC 8032). */
export interface SigningKey {
  /** Sixteen hex digits that identify this key. */
  readonly id: string;
  /** PEM (SubjectPublicKeyInfo, RFC 8410). */
  readonly publicKey: string;
  /** The data with its signature, which covers the canonical JSON of all other members. */
  signed<Data extends object>(data: Data): Data & { readonly signature: string };
}

const words: PrivateFileWords = {
  code: "audit_key_invalid",
  missing: "it signs the checkpoints of the event log",
  restore:
    "Restore it from a backup. If the key is lost, `kiln audit rotate` creates a new one: see docs/audit.md.",
  exposed: "If someone may have read the key, `kiln audit rotate` creates a new one.",
};

/** A new private key, in PEM (PKCS #8). */
export function newPrivateKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Reads the private key file again for each use. Throws `audit_key_invalid` unless only this user can read it. */
export function readSigningKey(path: string): SigningKey {
  const privateKey = parsePrivateKey(readPrivateFile(path, words), path);
  const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  return {
    id: keyIdOf(publicKey),
    publicKey,
    signed: (data) => ({ ...data, signature: sign(null, bytesOf(data), privateKey).toString("base64") }),
  };
}

function parsePrivateKey(pem: Buffer, path: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // not a key at all: the same remedy
  }
  throw new KilnError("audit_key_invalid", `${path} is not an Ed25519 private key in PEM.`, {
    hint: words.restore,
  });
}

/** Whether `signature` was made with the private half of this key (PEM) over all other members. */
export function isSigned(data: object, publicKey: string): boolean {
  const { signature, ...rest } = data as { readonly signature?: unknown };
  if (typeof signature !== "string") return false;
  return verify(null, bytesOf(rest), createPublicKey(publicKey), Buffer.from(signature, "base64"));
}

function bytesOf(data: object): Buffer {
  return Buffer.from(canonicalJson(data));
}
