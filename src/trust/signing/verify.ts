import { contentOf } from "../../image/layers/parts.ts";
import { referrersOf } from "../../image/store/describe.ts";
import { type ImageStore, readBlob } from "../../image/store/image-store.ts";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { bundleType, openBundle } from "./bundle.ts";
import type { PublicKey } from "./keys.ts";
import { parseStatement, predicateTypes } from "./statement.ts";

/** A signed statement that is attached to an image: what it says, or why it does not count. */
export type Attestation =
  | {
      readonly ok: true;
      /** Of the attached manifest. */
      readonly attached: string;
      readonly key: PublicKey;
      readonly predicateType: string;
      /** The statement as it was signed. */
      readonly text: string;
    }
  | { readonly ok: false; readonly attached: string; readonly why: string };

/** The largest bill of materials is smaller. */
const largestBundleBytes = 32 << 20;

/** Every bundle that is attached to an image, checked against these keys and the image's digest. */
export async function attestationsOf(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
): Promise<readonly Attestation[]> {
  const bundles = await bundlesOf(store, digest);
  return bundles.map(({ attached, text }) => ({ attached, ...examine(text, digest, keys) }));
}

/** Ids of the keys, among these, that have signed an image. */
export async function signersAmong(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
): Promise<readonly string[]> {
  const bundles = await bundlesOf(store, digest);
  const hasSigned = (key: PublicKey) => bundles.some(({ text }) => isSignature(examine(text, digest, [key])));
  return keys.filter(hasSigned).map(({ id }) => id);
}

function isSignature(one: Examined): one is Examined & { readonly ok: true } {
  return one.ok && one.predicateType === predicateTypes.signature;
}

interface Bundle {
  readonly attached: string;
  /** Undefined for one that is damaged. */
  readonly text: string | undefined;
}

async function bundlesOf(store: ImageStore, digest: string): Promise<readonly Bundle[]> {
  const referrers = await referrersOf(store, digest);
  return referrers
    .filter(({ artifactType }) => artifactType === bundleType)
    .map(({ digest: attached }) => ({ attached, text: bundleIn(store, attached) }));
}

/** Undefined for one that is damaged, or has not exactly one part. */
function bundleIn(store: ImageStore, attached: string): string | undefined {
  const manifest = contentOf(store, attached);
  if (manifest === undefined || !("layers" in manifest) || manifest.layers.length !== 1) return undefined;
  const [layer] = manifest.layers;
  if (layer === undefined || layer.size > largestBundleBytes) return undefined;
  try {
    const bytes = readBlob(store, layer.digest);
    return digestOf(bytes) === layer.digest ? bytes.toString() : undefined;
  } catch (error) {
    if (error instanceof KilnError) return undefined;
    throw error;
  }
}

type Examined =
  | { readonly ok: true; readonly key: PublicKey; readonly predicateType: string; readonly text: string }
  | { readonly ok: false; readonly why: string };

function examine(bundle: string | undefined, digest: string, keys: readonly PublicKey[]): Examined {
  const opened = bundle === undefined ? "malformed" : openBundle(bundle, keys);
  if (opened === "malformed") return { ok: false, why: "is not a Sigstore bundle of version 0.3" };
  if (opened === "other-key") return { ok: false, why: "is signed by another key" };
  const statement = parseStatement(opened.statement);
  if (statement === undefined) return { ok: false, why: "does not contain an in-toto statement" };
  const { predicateType, subjects } = statement;
  if (!subjects.includes(digest.replace("sha256:", ""))) {
    return { ok: false, why: `is for another image: ${subjects.map((one) => `sha256:${one}`).join(", ")}` };
  }
  return { ok: true, key: opened.key, predicateType, text: opened.statement };
}

/** An image's signature by one of the keys, or for each attached bundle the reason why it is not one. */
export async function signatureOf(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
): Promise<{ readonly key: PublicKey; readonly attached: string } | { readonly reasons: readonly string[] }> {
  const all = await attestationsOf(store, digest, keys);
  for (const one of all) {
    if (isSignature(one)) return { key: one.key, attached: one.attached };
  }
  return { reasons: all.map((one) => `${one.attached} ${one.ok ? otherType(one.predicateType) : one.why}`) };
}

function otherType(predicateType: string): string {
  return `is of the type ${predicateType}; expected ${predicateTypes.signature}`;
}

/** As `signatureOf`. Throws `signature_invalid`, with the reason for each attached bundle. */
export async function requireSignature(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
): Promise<{ readonly key: PublicKey; readonly attached: string }> {
  const found = await signatureOf(store, digest, keys);
  if ("key" in found) return found;
  const { reasons } = found;
  const wanted = `expected a signature by ${keys.map(({ id }) => id).join(" or ")}`;
  if (reasons.length === 0) {
    throw new KilnError("signature_invalid", `No signature is attached to ${digest}; ${wanted}.`, {
      hint: "`kiln image sign IMAGE --key FILE` signs it. Signatures in a registry come with `kiln image pull`.",
    });
  }
  throw new KilnError("signature_invalid", `${digest} has no valid signature; ${wanted}.`, {
    hint: "Sign this image with one of these keys, or name the key that its maker has published.",
    problems: reasons.map((reason) => ({ message: `The attached ${reason}.` })),
  });
}
