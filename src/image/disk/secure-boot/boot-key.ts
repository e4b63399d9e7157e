import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { KilnError } from "../../../lib/errors.ts";
import { type PrivateFileWords, readPrivateFile } from "../../../lib/files/private-file.ts";

/** A key that signs for firmware, with the certificate that firmware knows. */
export interface BootKey {
  readonly privateKey: KeyObject;
  readonly certificate: X509Certificate;
}

const words: PrivateFileWords = {
  code: "signing_key_invalid",
  missing: "it signs what firmware starts",
  restore: "`kiln image boot-keys FOLDER` makes keys.",
  exposed: "If someone may have read the key, make other ones and enrol them.",
};
/** What every firmware knows (UEFI specification 2.10, section 32.4.1). */
const fewestBits = 2048;

/** Throws `signing_key_invalid` unless only this user can read the key's file, and both are RSA and belong together. */
export function readBootKey(keyFile: string, certificateFile: string, pem: string): BootKey {
  const text = readPrivateFile(keyFile, words).toString();
  const privateKey = attempt(() => createPrivateKey(text));
  if (privateKey?.asymmetricKeyType !== "rsa")
    throw new KilnError(
      "signing_key_invalid",
      `${keyFile} is not an RSA private key in PEM without a password.`,
      {
        hint: "Firmware knows RSA. `openssl pkey -in KEY -out FILE` removes a password.",
      },
    );
  const [certificate] = readCertificates(pem, certificateFile);
  if (certificate?.checkPrivateKey(privateKey) === true) return { privateKey, certificate };
  throw new KilnError(
    "signing_key_invalid",
    `The key ${keyFile} does not belong to the certificate ${certificateFile}.`,
    {
      hint: "Name the two that were made together.",
    },
  );
}

/** All certificates of a text in PEM, at least one. Throws `signing_key_invalid` for what firmware could not use. */
export function readCertificates(pem: string, place: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map((block) => attempt(() => new X509Certificate(block)));
  const usable = certificates.filter((one) => one !== undefined);
  const isRsa = ({ publicKey: { asymmetricKeyType, asymmetricKeyDetails } }: X509Certificate) =>
    asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) >= fewestBits;
  if (usable.length > 0 && usable.length === blocks.length && usable.every(isRsa)) return usable;
  throw new KilnError(
    "signing_key_invalid",
    `${place} is not a certificate in PEM for RSA with at least ${fewestBits} bits.`,
    {
      hint: "`kiln image boot-keys FOLDER` makes keys and certificates; `openssl x509 -inform der -in FILE -out FILE.pem` converts one.",
    },
  );
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
