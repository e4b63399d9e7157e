import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Authority, Issue, Issued, KeyAndCertificate } from "./issue.ts";

const dayMs = 86_400_000;
const authorityDays = 3_650;
const leafDays = 90;
/** Clocks of clients may be slow. */
const earlierMs = 3_600_000;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** A process that reads one order from standard input, writes its answer to standard output, and ends. */
let text = "";
for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk;
process.stdout.write(JSON.stringify(await answer(JSON.parse(text) as Issue)));

async function answer({ authority, hosts, nowMs }: Issue): Promise<Issued> {
  const by = authority ?? (await newAuthority(nowMs));
  return { authority: by, leaf: await newLeaf(by, hosts, nowMs) };
}

async function newAuthority(nowMs: number): Promise<Authority> {
  const keys = await newKeys();
  const name = `CN=Kiln controller authority ${Buffer.from(webcrypto.getRandomValues(new Uint8Array(4))).toString("hex")}`;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{ name, keys, signingAlgorithm: algorithm, ...validity(nowMs, authorityDays) },
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return written(keys, certificate);
}

async function newLeaf(
  authority: Authority,
  hosts: readonly string[],
  nowMs: number,
): Promise<KeyAndCertificate> {
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", bytesOf(authority.key), algorithm, false, [
    "sign",
  ]);
  const keys = await newKeys();
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    new SubjectAlternativeNameExtension(
      hosts.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
    ),
  ];
  const certificate = await X509CertificateGenerator.create({
    ...{ subject: "CN=Kiln controller", issuer: issuer.subject, publicKey: keys.publicKey, signingKey },
    ...{ signingAlgorithm: algorithm, extensions, ...validity(nowMs, leafDays) },
  });
  return written(keys, certificate);
}

function validity(nowMs: number, days: number) {
  return { notBefore: new Date(nowMs - earlierMs), notAfter: new Date(nowMs + days * dayMs) };
}

function newKeys() {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function written(
  keys: webcrypto.CryptoKeyPair,
  certificate: X509Certificate,
): Promise<KeyAndCertificate> {
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const lines = key.match(/.{1,64}/g)?.join("\n");
  return {
    key: `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`,
    certificate: `${certificate.toString("pem")}\n`,
  };
}

function bytesOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}
