import { contentOf } from "../../image/layers/parts.ts";
import { referrersOf } from "../../image/store/describe.ts";
import { blobSize, type ImageStore, readBlob } from "../../image/store/image-store.ts";
import { foreignManifest } from "../../image/store/oci-schema.ts";
import { annotations, mediaTypes } from "../../image/store/oci-types.ts";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { pacer } from "../../lib/time/pace.ts";
import { type OpenedBundle, openBundle } from "./bundle.ts";
import type { PublicKey } from "./keys.ts";
import { openSimpleSigning, simpleSigning } from "./simple-signing.ts";
import { parseStatement, predicateTypes } from "./statement.ts";

/** A signed statement that is attached to an image: what it says, or why it does not count. */
export type Attestation = Examined & {
  /** Of the attached manifest. */
  readonly attached: string;
};

type Examined =
  | {
      readonly ok: true;
      /** Those that have signed it. */
      readonly keys: OpenedBundle["keys"];
      /** The statement as it was signed. */
      readonly text: string;
    }
  | { readonly ok: false; readonly why: string };

interface Wanted {
  /** Of the statement, one of `predicateTypes`. */
  readonly type: string;
  readonly keys: readonly PublicKey[];
}

/** The largest bill of materials is smaller. A signature, also with certificates and timestamps, has a few KiB. */
const largestBytes = 32 << 20;
const largestSignatureBytes = 64 << 10;

/**
 * The bundles that are attached to an image, checked for statements of one type about its digest, and the signatures of older cosigns. Anyone who may push can attach them: so
 * one at a time is in memory, and what is too large, or says of itself that it is of another type, is not read.
 */
export async function* attestationsOf(
  store: ImageStore,
  digest: string,
  wanted: Wanted,
): AsyncGenerator<Attestation> {
  const pace = pacer();
  for (const { digest: attached, artifactType, annotations: notes } of await referrersOf(store, digest)) {
    const wait = pace();
    if (wait) await wait;
    if (artifactType !== mediaTypes.bundle) {
      if (wanted.type === predicateTypes.signature)
        for (const one of simpleSignaturesAt(store, attached, digest, wanted.keys))
          yield { attached, ...one };
      continue;
    }
    const told = notes?.[annotations.predicateType] ?? wanted.type;
    const isOther = told !== wanted.type;
    yield { attached, ...(isOther ? otherType(told, wanted) : examineAt(store, attached, digest, wanted)) };
  }
}

function otherType(type: string, wanted: Wanted): Examined {
  return { ok: false, why: `is of the type ${`${type}`.slice(0, 1_000)}; expected ${wanted.type}` };
}

const malformed: Examined = { ok: false, why: "is not a Sigstore bundle of version 0.3" };

/** The bundle in a manifest, which has exactly one part. */
function examineAt(store: ImageStore, attached: string, digest: string, wanted: Wanted): Examined {
  const { data: manifest } = foreignManifest.safeParse(contentOf(store, attached));
  const [layer, ...others] = manifest?.layers ?? [];
  if (layer === undefined || others.length > 0) return malformed;
  const limit = wanted.type === predicateTypes.signature ? largestSignatureBytes : largestBytes;
  const size = blobSize(store, layer.digest) ?? 0;
  if (size > limit) return { ok: false, why: `has ${size} bytes; expected at most ${limit}` };
  try {
    const bytes = readBlob(store, layer.digest);
    return digestOf(bytes) === layer.digest ? examine(bytes.toString(), digest, wanted) : malformed;
  } catch (error) {
    if (error instanceof KilnError) return malformed;
    throw error;
  }
}

/** More in one manifest are not looked at. */
const mostSimpleSignatures = 64;

/** The signatures in a manifest of the tag `sha256-<hex>.sig`; none in another one. */
function* simpleSignaturesAt(
  store: ImageStore,
  attached: string,
  digest: string,
  keys: readonly PublicKey[],
): Generator<Examined> {
  const { data: manifest } = foreignManifest.safeParse(contentOf(store, attached));
  const layers = manifest?.layers.filter(({ mediaType }) => mediaType === simpleSigning.layer) ?? [];
  for (const layer of layers.slice(0, mostSimpleSignatures)) {
    const size = blobSize(store, layer.digest) ?? 0;
    const bytes = size > 0 && size <= largestSignatureBytes ? readBlob(store, layer.digest) : Buffer.alloc(0);
    const isWhole = digestOf(bytes) === layer.digest;
    const signature = layer.annotations?.[simpleSigning.signature] ?? "";
    const opened = isWhole ? openSimpleSigning(bytes, signature, keys) : "malformed";
    if (opened === "malformed") yield { ok: false, why: "is not a signature of cosign" };
    else if (opened === "other-key") yield { ok: false, why: "is signed by another key" };
    else if (opened.digest !== digest) yield { ok: false, why: `is for another image: ${opened.digest}` };
    else yield { ok: true, keys: opened.keys, text: bytes.toString() };
  }
}

function examine(bundle: string, digest: string, wanted: Wanted): Examined {
  const opened = openBundle(bundle, wanted.keys);
  if (opened === "malformed") return malformed;
  if (opened === "other-key") return { ok: false, why: "is signed by another key" };
  const statement = parseStatement(opened.statement);
  if (statement === undefined) return { ok: false, why: "does not contain an in-toto statement" };
  const { predicateType, subjects } = statement;
  if (!subjects.includes(digest.replace("sha256:", ""))) {
    return { ok: false, why: `is for another image: ${subjects.map((one) => `sha256:${one}`).join(", ")}` };
  }
  if (predicateType !== wanted.type) return otherType(predicateType, wanted);
  return { ok: true, keys: opened.keys, text: opened.statement };
}

/** Ids of the keys, among these, that have signed an image, or a statement of another type about it. */
export async function signersAmong(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
  type: string = predicateTypes.signature,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for await (const one of attestationsOf(store, digest, { type, keys })) {
    if (one.ok) for (const { id } of one.keys) found.add(id);
  }
  return [...found];
}

/** An image's signature by one of the keys, or for each attached bundle the reason why it is not one. */
export async function signatureOf(
  store: ImageStore,
  digest: string,
  keys: readonly PublicKey[],
): Promise<{ readonly key: PublicKey; readonly attached: string } | { readonly reasons: readonly string[] }> {
  const reasons: string[] = [];
  for await (const one of attestationsOf(store, digest, { type: predicateTypes.signature, keys })) {
    if (one.ok) return { key: one.keys[0], attached: one.attached };
    reasons.push(`${one.attached} ${one.why}`);
  }
  return { reasons };
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
