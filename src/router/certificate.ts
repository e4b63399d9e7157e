import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { ServiceKey } from "../domain/ids.ts";
import type { AcmeSpec, TlsFiles, TlsSecret } from "../domain/spec/traffic-spec.ts";
import { isErrno, KilnError, toKilnError } from "../lib/errors.ts";
import { sha256 } from "../lib/files/sha256.ts";

/** Where a certificate is: names of secrets belong to a service, and what an authority issues is in a file of ours. */
export type CertificatePlace =
  | (TlsFiles & { readonly acme?: AcmeSpec })
  | (TlsSecret & { readonly service: ServiceKey });

/** The value of a secret's newest version; throws when there is none that can be opened. */
export type NewestSecret = (service: ServiceKey, name: string) => Promise<Uint8Array>;

/** A certificate with its key. `pem` holds the key: it goes to the proxy and nowhere else. */
export interface Certificate {
  /** Where it was read from, as it follows "The certificate". */
  readonly path: string;
  /** The whole chain in the file's order, then the key, each block written again: no byte between them comes from the file. */
  readonly pem: string;
  readonly leaf: X509Certificate;
  /** First and last moment of its validity (Unix time in ms). */
  readonly fromMs: number;
  readonly toMs: number;
}

/** Long chains have some 10 KiB. */
const longestFileBytes = 256 * 1024;
/** NIST SP 800-131A; OpenSSL's default security level refuses weaker ones. */
const shortestRsaBits = 2048;

/**
 * Reads a certificate and its key and checks that they belong together. Throws `certificate_invalid`; no error holds
 * anything of a file's content. `assertServes` checks whether it is valid now, and for which host.
 */
export async function readCertificate(place: CertificatePlace, secret: NewestSecret): Promise<Certificate> {
  if ("secret" in place) {
    const path = `of the secret ${place.secret}`;
    const text = await readSecret(place, secret);
    return certificateIn(text, path);
  }
  const { certificate: path, key: keyPath } = place;
  const [text, keyText] = await Promise.all([readPem(path, "certificate"), readPem(keyPath, "key")]);
  return parseCertificate({ path, text, keyPath, keyText });
}

/** A certificate that came with its key, in one text. `path` is for messages. Throws `certificate_invalid`. */
export function certificateIn(text: string, path: string): Certificate {
  return parseCertificate({ path, text, keyPath: path, keyText: text });
}

/** Certificates that others may come from, in PEM form. Throws `certificate_invalid` when there is none in the file. */
export async function readAuthority(path: string): Promise<string> {
  const chain = parseChain(await readPem(path, "certificate"), path);
  if (chain.length === 0) throw notPem(path, "certificate", "");
  return chain.map(String).join("\n");
}

async function readSecret(
  { service, secret: name }: Extract<CertificatePlace, TlsSecret>,
  secret: NewestSecret,
) {
  try {
    return Buffer.from(await secret(service, name)).toString("latin1");
  } catch (error) {
    const { message, hint } = toKilnError(error);
    throw invalid(`The certificate of ${service} can't be read: ${message}`, hint);
  }
}

/** Differs when what is there was written or replaced, also at the end of a symbolic link. */
export async function certificateMark(place: CertificatePlace, secret: NewestSecret): Promise<string> {
  if ("secret" in place) {
    const value = await secret(place.service, place.secret).catch(() => undefined);
    return value === undefined ? "" : sha256(value);
  }
  const { certificate, key } = place;
  const stats = await Promise.all([certificate, key].map((path) => stat(path).catch(() => undefined)));
  return stats.map((file) => `${file?.dev}:${file?.ino}:${file?.mtimeMs}:${file?.size}`).join(" ");
}

interface Pem {
  readonly path: string;
  readonly text: string;
  readonly keyPath: string;
  readonly keyText: string;
}

function parseCertificate({ path, text, keyPath, keyText }: Pem): Certificate {
  const chain = parseChain(text, path);
  const key = parseKey(keyText, keyPath);
  const [leaf] = chain;
  if (leaf === undefined) throw notPem(path, "certificate", text);
  if (!leaf.checkPrivateKey(key)) throw mismatch(chain, key, path, keyPath);
  assertStrong(leaf, path);
  const blocks = [...chain.map(String), key.export({ type: "pkcs8", format: "pem" })];
  return {
    path,
    leaf,
    pem: blocks.map((block) => `${String(block).trim()}\n`).join(""),
    fromMs: Date.parse(leaf.validFrom),
    toMs: Date.parse(leaf.validTo),
  };
}

/** Throws `certificate_invalid` unless clients that ask for these hosts would accept it now. Any host when there are none. */
export function assertServes(
  { leaf, path, fromMs, toMs }: Certificate,
  hosts: readonly string[],
  nowMs: number,
) {
  if (nowMs < fromMs) {
    throw invalid(
      `The certificate ${path} is not valid before ${day(fromMs)}.`,
      "If it was just issued, the clock of this machine may be wrong.",
    );
  }
  if (nowMs > toMs) {
    throw invalid(`The certificate ${path} expired on ${day(toMs)}.`, "Renew it, or name a newer one.");
  }
  // Names only, as browsers do it: the common name does not count (RFC 9525 section 2).
  const uncovered = hosts.find((host) => leaf.checkHost(example(host), { subject: "never" }) === undefined);
  if (uncovered === undefined) return;
  throw invalid(
    `The certificate ${path} does not cover ${uncovered}; it covers ${names(leaf)}.`,
    "Every client would refuse it: use one that names every host of the service's `traffic`.",
  );
}

/** A name that a wildcard stands for, and that no certificate names by chance. */
function example(host: string): string {
  return host.replace("*", "any-name-at-all");
}

async function readPem(path: string, what: "certificate" | "key"): Promise<string> {
  try {
    const file = await stat(path);
    if (!file.isFile())
      throw invalid(`The ${what} ${path} is not a regular file.`, `Name a file in PEM form.`);
    if (file.size > longestFileBytes) throw notPem(path, what, "");
    return await readFile(path, "latin1");
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) {
      throw invalid(
        `The ${what} ${path} does not exist.`,
        "Paths of `traffic.tls` are on the machine of the controller; relative ones count from kiln.yaml.",
      );
    }
    if (isErrno(error, "EACCES") || isErrno(error, "EPERM")) {
      throw invalid(
        `The ${what} ${path} cannot be read: permission denied.`,
        "Make it readable for the user that the controller runs as.",
      );
    }
    if (isErrno(error, "ELOOP")) throw invalid(`The ${what} ${path} is a symbolic link that leads nowhere.`);
    throw error;
  }
}

/** RFC 7468 section 2. */
function blocks(text: string, label: RegExp): readonly string[] {
  const pem = new RegExp(`-----BEGIN (${label.source})-----[\\s\\S]*?-----END \\1-----`, "g");
  return text.match(pem) ?? [];
}

function parseChain(text: string, path: string): readonly X509Certificate[] {
  const found = blocks(text, /CERTIFICATE/);
  const begun = text.match(/-----BEGIN CERTIFICATE/g)?.length ?? 0;
  if (begun > found.length && found.length > 0) throw damaged(path, begun);
  return found.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw damaged(path, index + 1);
    }
  });
}

function damaged(path: string, block: number): KilnError {
  return invalid(
    `The certificate ${path} is damaged: its block ${block} can't be read.`,
    "It may be half written; issue or copy it again.",
  );
}

function parseKey(text: string, path: string): KeyObject {
  const [block] = blocks(text, /(?:[A-Z0-9]+ )?PRIVATE KEY/);
  if (block === undefined) throw notPem(path, "key", text);
  if (/BEGIN ENCRYPTED PRIVATE KEY|^Proc-Type: 4,ENCRYPTED/m.test(block)) {
    throw invalid(
      `The key ${path} is encrypted, and the router cannot ask for its passphrase when it starts.`,
      "Store it decrypted, readable only by its owner: `openssl pkey -in KEY -out NEW`.",
    );
  }
  try {
    return createPrivateKey(block);
  } catch {
    throw invalid(`The key ${path} is damaged.`, "It may be half written; copy it again.");
  }
}

function notPem(path: string, what: "certificate" | "key", text: string): KilnError {
  const other = what === "key" ? /BEGIN CERTIFICATE/ : /BEGIN [A-Z ]*PRIVATE KEY/;
  if (other.test(text)) {
    const found = what === "key" ? "a certificate" : "a private key";
    return invalid(
      `The ${what} ${path} holds ${found}; expected a ${what}.`,
      "`certificate` and `key` may be swapped.",
    );
  }
  const begun = /-----BEGIN /.test(text);
  const command = what === "key" ? "openssl pkey -inform der" : "openssl x509 -inform der";
  return invalid(
    begun
      ? `The ${what} ${path} is damaged: it has no whole block.`
      : `The ${what} ${path} is not in PEM form.`,
    begun
      ? "It may be half written; copy it again."
      : `A PEM file has lines such as \`-----BEGIN ${what === "key" ? "PRIVATE KEY" : "CERTIFICATE"}-----\`; \`${command} -in FILE -out NEW\` makes one of a DER file.`,
  );
}

function mismatch(
  chain: readonly X509Certificate[],
  key: KeyObject,
  path: string,
  keyPath: string,
): KilnError {
  const index = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (index > 0) {
    return invalid(
      `In ${path} the certificate of the key ${keyPath} is number ${index + 1}; expected it first.`,
      "The server's own certificate comes first, then the certificates that lead to its authority.",
    );
  }
  return invalid(
    `The key ${keyPath} does not belong to the certificate ${path}.`,
    "The two must be issued together; one of them may be from before a renewal.",
  );
}

function assertStrong(leaf: X509Certificate, path: string): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = leaf.publicKey;
  const bits = details?.modulusLength;
  if (type !== "rsa" || bits === undefined || bits >= shortestRsaBits) return;
  throw invalid(
    `The certificate ${path} has an RSA key of ${bits} bits; expected at least ${shortestRsaBits}.`,
    "Issue it again with a longer key, or with one on an elliptic curve.",
  );
}

/** `a.example.com, *.b.example.com`, shortened. */
function names(leaf: X509Certificate): string {
  const all = [...(leaf.subjectAltName ?? "").matchAll(/DNS:("?)([^",]+)\1/g)].map((match) => match[2]);
  if (all.length === 0) return "no host name";
  return all.length > 5 ? `${all.slice(0, 5).join(", ")} and ${all.length - 5} more` : all.join(", ");
}

function day(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace("T", " ")
    .replace(/:\d\d\.\d+Z/, " UTC");
}

function invalid(message: string, hint?: string): KilnError {
  return new KilnError("certificate_invalid", message, hint === undefined ? {} : { hint });
}
