import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** `usr` and `ci` are tokens; `inv` becomes a token once; with `psh` a forge signs what it says about pushes. */
export type CredentialKind = "usr" | "ci" | "inv" | "psh";

/** A secret that was just made: the text is shown once, the rest is kept. */
export interface NewCredential {
  readonly id: string;
  readonly text: string;
  readonly digest: string;
}

/** What a text names, before anything is proved. */
export interface ParsedCredential {
  readonly kind: CredentialKind;
  readonly id: string;
  /** SHA-256 of the whole text, in hex. */
  readonly digest: string;
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const form = /^kiln_(usr|ci|inv|psh)_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/**
 * `kiln_usr_<id, 8>_<secret, 43><check, 6>`: 256 random bits in base 62, and a CRC-32 of what is before it, so that scanners find leaked ones
 * and typing errors show without a look-up (as GitHub's tokens have it). Only a digest of it is kept; a slow hash protects
 * secrets that can be guessed, which this one cannot.
 */
export function newCredential(kind: CredentialKind): NewCredential {
  const id = base62(randomBytes(8), 8);
  const body = `kiln_${kind}_${id}_${base62(randomBytes(32), 43)}`;
  const text = body + checkOf(body);
  return { id, text, digest: digestOfText(text) };
}

/** Undefined for a text that cannot be a credential. */
export function parseCredential(text: string): ParsedCredential | undefined {
  const [, kind, id = "", secret = "", check = ""] = form.exec(text) ?? [];
  if (kind === undefined || checkOf(`kiln_${kind}_${id}_${secret}`) !== check) return undefined;
  return { kind: kind as CredentialKind, id, digest: digestOfText(text) };
}

/** Takes the same time wherever they differ. */
export function isSameDigest(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a, "hex"), Buffer.from(b, "hex")];
  return left.length === right.length && timingSafeEqual(left, right);
}

function digestOfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function checkOf(text: string): string {
  return digits(BigInt(crc32(text)), 6);
}

/** The number that the bytes are, in so many digits: what has more loses its highest ones. */
function base62(bytes: Uint8Array, length: number): string {
  return digits(BigInt(`0x${Buffer.from(bytes).toString("hex")}`), length);
}

function digits(number: bigint, length: number): string {
  let rest = number;
  let text = "";
  for (let place = 0; place < length; place++) {
    text = alphabet[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text;
}
