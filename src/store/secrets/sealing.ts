import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { ServiceKey } from "../../domain/ids.ts";
import type { SecretKey } from "./secret-key.ts";

/** Which value it is: a sealed value opens as this one only, so that none can be put in the place of another. */
export interface SealedAs {
  readonly service: ServiceKey;
  readonly name: string;
  readonly version: number;
}

export interface Sealed {
  readonly nonce: Uint8Array;
  /** Ciphertext, then the tag. */
  readonly sealed: Uint8Array;
}

/** AES-256-GCM with a random nonce of 96 bits: NIST SP 800-38D, section 8.2.2. */
const algorithm = "aes-256-gcm";
const nonceBytes = 12;
const tagBytes = 16;

export function seal(key: SecretKey, as: SealedAs, value: Uint8Array): Sealed {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key.bytes, nonce, { authTagLength: tagBytes });
  cipher.setAAD(associated(as));
  return { nonce, sealed: Buffer.concat([cipher.update(value), cipher.final(), cipher.getAuthTag()]) };
}

/** The value, or undefined when anything of it is not as it was sealed. */
export function unseal(key: SecretKey, as: SealedAs, { nonce, sealed }: Sealed): Buffer | undefined {
  if (nonce.length !== nonceBytes || sealed.length < tagBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, key.bytes, nonce, { authTagLength: tagBytes });
  decipher.setAAD(associated(as));
  decipher.setAuthTag(sealed.subarray(end));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  } catch {
    return undefined; // the tag does not match; OpenSSL says no more than that
  }
}

function associated({ service, name, version }: SealedAs): Buffer {
  return Buffer.from(JSON.stringify([service, name, version]));
}
