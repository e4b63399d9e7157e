import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** A key in PEM with a certificate that it has signed itself: in PEM, and in DER. */
export interface OwnCertificate {
  readonly key: string;
  readonly certificate: string;
  readonly der: Buffer;
}

/** How long a plugin could run at most; clocks are the same on both sides. */
const lifetimeMs = 30 * 86_400_000;
const earlierMs = 3_600_000;

const oids = {
  commonName: "550403",
  basicConstraints: "551d13",
  subjectAltName: "551d11",
  ecdsaWithSha256: "2a8648ce3d040302",
};

/**
 * ECDSA P-256, for `localhost`. Terraform takes it for an authority, too, and checks the certificate with itself (hashicorp/go-plugin, mtls.go).
 * DER is written here (RFC 5280, X.690): a library for certificates takes 30 MB and a tenth of a second, each of the times that Terraform
 * starts a plugin for one command.
 */
export function newCertificate(nowMs: number): OwnCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const name = sequence(item(0x31, sequence(oid(oids.commonName), item(0x0c, Buffer.from("localhost")))));
  const body = sequence(
    item(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    ...[algorithm, name],
    sequence(time(nowMs - earlierMs), time(nowMs + lifetimeMs)),
    ...[name, publicKey],
    item(0xa3, sequence(...extensions())),
  );
  const signature = sign("sha256", body, createPrivateKey(privateKey));
  const der = sequence(body, algorithm, item(0x03, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  const certificate = ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  return { key: privateKey, certificate, der };
}

function extensions(): readonly Buffer[] {
  const authority = sequence(item(0x01, Buffer.from([0xff])));
  const names = sequence(item(0x82, Buffer.from("localhost")));
  return [
    sequence(oid(oids.basicConstraints), item(0x04, authority)),
    sequence(oid(oids.subjectAltName), item(0x04, names)),
  ];
}

/** Tag, length, content (X.690, section 8.1); the length in up to two octets. */
function item(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const octets = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...octets]), content]);
}

function sequence(...items: readonly Buffer[]): Buffer {
  return item(0x30, Buffer.concat(items));
}

/** Of octets whose first is below 128: a positive number. */
function integer(octets: Buffer): Buffer {
  return item(0x02, octets);
}

function oid(hex: string): Buffer {
  return item(0x06, Buffer.from(hex, "hex"));
}

/** `YYYYMMDDHHMMSSZ` (GeneralizedTime) from 2050 on, and without the century before that (UTCTime), as RFC 5280, section 4.1.2.5, has it. */
function time(atMs: number): Buffer {
  const text = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, "");
  return Number(text.slice(0, 4)) < 2050
    ? item(0x17, Buffer.from(text.slice(2)))
    : item(0x18, Buffer.from(text));
}
