import { createHash, createPublicKey } from "node:crypto";

/** The first sixteen hex digits of the SHA-256 of a public key's DER form; the key is in PEM. Throws for anything but a public key. */
export function keyIdOf(publicKey: string): string {
  return derDigestOf(publicKey).toString("hex").slice(0, 16);
}

/** The whole SHA-256 of a public key's DER form (SubjectPublicKeyInfo). Throws for anything but a public key. */
export function derDigestOf(publicKey: string): Buffer {
  const der = createPublicKey(publicKey).export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest();
}
