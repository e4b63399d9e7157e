import {
  BasicConstraintsExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A private key (PKCS #8) with a certificate that it has signed itself, both in PEM. */
export interface NewBootKey {
  readonly key: string;
  readonly certificate: string;
}

const algorithm = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};
/** Firmware ignores the end; programs that check files do not. */
const lifetimeMs = 20 * 365 * 86_400_000;

/** A key that is known by its own certificate alone, as firmware wants it. */
export async function newBootKey(name: string, nowMs: number): Promise<NewBootKey> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=Secure Boot ${name}`, keys, signingAlgorithm: algorithm },
    ...{ notBefore: new Date(nowMs), notAfter: new Date(nowMs + lifetimeMs) },
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = key.match(/.{1,64}/g) ?? [];
  return {
    key: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
    certificate: `${certificate.toString("pem")}\n`,
  };
}
