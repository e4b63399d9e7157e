import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { controllerName } from "../../domain/access/login-text.ts";
import { KilnError } from "../../lib/errors.ts";
import { type PrivateFileWords, readPrivateFile, replacePrivateFile } from "../../lib/files/private-file.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { type Authority, issue, type KeyAndCertificate } from "./issue.ts";

/** A certificate is renewed when it has less than this left. */
const renewalMs = 30 * 86_400_000;

/** What a TLS server shows: its key, and its certificate followed by the authority's. */
export interface Shown {
  readonly key: string;
  readonly chain: string;
  readonly authority: string;
  /** SHA-256 of the authority's public key, in base64url. */
  readonly pin: string;
  readonly expiresAtMs: number;
}

/**
 * The certificate for these hosts, made or renewed if need be. `authority.*` stay for as long as the folder does, so that clients' pins
 * hold; the controller's own is replaced 30 days before it ends, and when its hosts change.
 */
export async function currentCertificate(
  folder: string,
  names: readonly string[],
  clock: Clock,
): Promise<Shown> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = readPair(folder, "authority");
  const leaf = readPair(folder, "controller");
  const hosts = [controllerName, "localhost", ...names, ...ownAddresses()];
  if (authority !== undefined && leaf !== undefined && isGood(leaf, authority, hosts, clock.now())) {
    return shown(authority, leaf);
  }
  const issued = await issue({ authority, hosts: [...new Set(hosts)], nowMs: clock.now() });
  if (authority === undefined) writePair(folder, "authority", issued.authority);
  writePair(folder, "controller", issued.leaf);
  return shown(issued.authority, issued.leaf);
}

/** SHA-256 of a certificate's public key (RFC 7469, section 2.4), in base64url. */
function pinOf(certificate: X509Certificate): string {
  const key = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64url");
}

function shown(authority: Authority, leaf: KeyAndCertificate): Shown {
  return {
    key: leaf.key,
    chain: leaf.certificate + authority.certificate,
    authority: authority.certificate,
    pin: pinOf(new X509Certificate(authority.certificate)),
    expiresAtMs: new X509Certificate(leaf.certificate).validToDate.getTime(),
  };
}

function isGood(
  leaf: KeyAndCertificate,
  authority: Authority,
  hosts: readonly string[],
  nowMs: number,
): boolean {
  const certificate = new X509Certificate(leaf.certificate);
  const alternatives = certificate.subjectAltName ?? "";
  return (
    certificate.verify(new X509Certificate(authority.certificate).publicKey) &&
    certificate.validFromDate.getTime() <= nowMs &&
    certificate.validToDate.getTime() - nowMs > renewalMs &&
    hosts.every((host) => alternatives.includes(`:${host}`) || certificate.checkIP(host) !== undefined)
  );
}

/** Those that other machines may use: link-local ones differ with every start. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((all = []) => all)
    .map(({ address }) => address)
    .filter((address) => !/^(169\.254\.|fe80:)/i.test(address));
}

/** Undefined when one of the files is missing. */
function readPair(folder: string, name: string): KeyAndCertificate | undefined {
  const [keyPath, path] = filesOf(folder, name);
  if (!existsSync(keyPath) || !existsSync(path)) return undefined;
  const key = readPrivateFile(keyPath, words).toString();
  const certificate = readPrivateFile(path, words).toString();
  try {
    if (new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return { key, certificate };
    throw new Error("they do not belong together");
  } catch (cause) {
    throw new KilnError("certificate_invalid", `${path} or ${keyPath} is damaged: ${String(cause)}.`, {
      hint: remedy,
      cause,
    });
  }
}

const remedy =
  "Restore the folder from a backup. Without one, remove it: the controller then makes a new authority, and every client has to log in again.";

const words: PrivateFileWords = {
  code: "certificate_invalid",
  missing: "the controller cannot be reached over the network",
  restore: remedy,
  exposed: "If another user may have read it, remove the folder: every client then has to log in again.",
};

/** The key first: a key without its certificate is as if it were not there. */
function writePair(folder: string, name: string, pair: KeyAndCertificate): void {
  const [key, certificate] = filesOf(folder, name);
  rmSync(certificate, { force: true });
  replacePrivateFile(key, pair.key);
  replacePrivateFile(certificate, pair.certificate);
}

function filesOf(folder: string, name: string): readonly [string, string] {
  return [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
}
