import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";

/** The key of an installation's accounts at certificate authorities, in PEM form; made when it is missing. */
export async function ensureAccountKey(folder: string): Promise<string> {
  const present = await readTextIfExists(keyPath(folder));
  if (present !== undefined) return present;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(keyPath(folder), pem);
  return pem;
}

/**
 * What a challenge of HTTP-01 is answered with, after its token and a dot (RFC 8555, section 8.1): the same for every
 * challenge of the account, so that a proxy can answer without being told of each. Undefined without an account.
 */
export async function accountThumbprint(folder: string): Promise<string | undefined> {
  const pem = await readTextIfExists(keyPath(folder));
  return pem === undefined ? undefined : thumbprint(pem);
}

/** RFC 7638, section 3: the members that an elliptic curve's key has to have, in this order. */
export function thumbprint(pem: string): string {
  const { crv, kty, x, y } = createPublicKey(createPrivateKey(pem)).export({ format: "jwk" });
  return createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
}

/** Certificates are `SERVICE.pem`, and a service may be called `account`. */
function keyPath(folder: string): string {
  return join(folder, "account.key");
}
