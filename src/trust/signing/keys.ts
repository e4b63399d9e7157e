import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { type PrivateFileWords, readPrivateFile } from "../../lib/files/private-file.ts";
import { keyIdOf } from "../../lib/key-id.ts";

/** A key whose signatures count: ECDSA on the curve P-256, which every verifier of images knows. */
export interface PublicKey {
  /** Sixteen hex digits that identify this key. */
  readonly id: string;
  /** PEM (SubjectPublicKeyInfo). */
  readonly pem: string;
}

/** A key that signs images. */
export interface ImageKey extends PublicKey {
  readonly privateKey: KeyObject;
}

const words: PrivateFileWords = {
  code: "signing_key_invalid",
  missing: "it signs images",
  restore: "`kiln image key FILE` makes a key. To use the key of CI, set KILN_SIGNING_KEY to its PEM text.",
  exposed:
    "If someone may have read the key, make another one and revoke this one: `kiln trust revoke NAME --reason TEXT`.",
};

/** A new key pair, both in PEM: the private key as PKCS #8. */
export function newImageKey(): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
  };
}

/** Throws `signing_key_invalid` unless only this user can read the file, and it is a P-256 private key that is not encrypted. */
export function readImageKey(path: string): ImageKey {
  return parseImageKey(readPrivateFile(path, words).toString(), path);
}

/** The same for a key that comes from `place`, which is not a file. */
export function parseImageKey(pem: string, place: string): ImageKey {
  if (/-----BEGIN ENCRYPTED /.test(pem) || /^Proc-Type: 4,ENCRYPTED/m.test(pem)) throw encrypted(pem, place);
  const privateKey = ecKey(() => createPrivateKey(pem));
  if (privateKey === undefined) {
    throw new KilnError("signing_key_invalid", `${place} is not an ECDSA P-256 private key in PEM.`, {
      hint: words.restore,
    });
  }
  return { privateKey, ...publicKeyOf(createPublicKey(pem)) };
}

function encrypted(pem: string, place: string): KilnError {
  const hint = /BEGIN ENCRYPTED (SIGSTORE|COSIGN)/.test(pem)
    ? "Only cosign can decrypt its own format. `kiln image key FILE` makes a key that cosign can verify with."
    : "Decrypt it into a file that only you can read: `(umask 077; openssl pkey -in KEY -out FILE)`.";
  return new KilnError(
    "signing_key_invalid",
    `The private key in ${place} is encrypted; expected one that is not.`,
    {
      hint,
    },
  );
}

/** Throws `signing_key_invalid` unless the file is a P-256 public key in PEM. */
export function readPublicKey(path: string): PublicKey {
  try {
    return parsePublicKey(readFileSync(path, "utf8"), path);
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "EISDIR") && !isErrno(error, "EACCES")) throw error;
    throw new KilnError("signing_key_invalid", `The public key ${path} cannot be read (${error.code}).`, {
      hint: "`kiln image key FILE` writes the public key to FILE.pub.",
      cause: error,
    });
  }
}

/** The same for PEM text that comes from `place`. */
export function parsePublicKey(pem: string, place: string): PublicKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw new KilnError("signing_key_invalid", `${place} is a private key; expected the public key.`, {
      hint: "`kiln image key FILE` writes the public key to FILE.pub; `openssl pkey -in KEY -pubout` prints it.",
    });
  }
  const key = ecKey(() => createPublicKey(pem));
  if (key !== undefined) return publicKeyOf(key);
  throw new KilnError("signing_key_invalid", `${place} is not an ECDSA P-256 public key in PEM.`, {
    hint: "`kiln image key FILE` makes a key pair and writes the public key to FILE.pub.",
  });
}

function publicKeyOf(key: KeyObject): PublicKey {
  const pem = key.export({ type: "spki", format: "pem" }).toString();
  return { id: keyIdOf(pem), pem };
}

/** Undefined for what is not a key at all, and for keys of other kinds. */
function ecKey(parse: () => KeyObject): KeyObject | undefined {
  try {
    const key = parse();
    return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
  } catch {
    return undefined;
  }
}
