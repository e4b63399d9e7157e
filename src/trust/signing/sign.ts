import { attach } from "../../image/store/attach.ts";
import {
  blobSize,
  type ImageStore,
  putBlob,
  readManifest,
  withStoreLock,
} from "../../image/store/image-store.ts";
import { annotations, type Manifest, mediaTypes } from "../../image/store/oci-types.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { signedBundle } from "./bundle.ts";
import type { ImageKey } from "./keys.ts";
import { predicateTypes, statementOf } from "./statement.ts";
import { attestationsOf } from "./verify.ts";

export interface ImageSigner {
  readonly key: ImageKey;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Signed {
  /** Of the manifest that is attached to the image. */
  readonly attached: string;
  /** False when the image has this signature of this key already. */
  readonly changed: boolean;
}

/** Attaches a signature to an image of the store, unless the key has signed it before. Throws `image_unknown`, `image_invalid`. */
export function signImage(store: ImageStore, digest: string, signer: ImageSigner): Promise<Signed> {
  return attest(store, digest, { type: predicateTypes.signature, predicate: {} }, signer);
}

/**
 * Attaches a signed predicate to an image of the store. The manifest has the form in which cosign 3 looks for it: one layer, the image as
 * its subject, and annotations that name the predicate's type.
 */
export async function attest(
  store: ImageStore,
  digest: string,
  { type, predicate }: { readonly type: string; readonly predicate: object },
  { key, clock, signal }: ImageSigner,
): Promise<Signed> {
  const image = readManifest(store, digest);
  const statement = statementOf(digest, type, predicate);
  for await (const one of attestationsOf(store, digest, { type, keys: [key] })) {
    if (one.ok && one.text === statement) return { attached: one.attached, changed: false };
  }
  const config = await putBlob(store, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const layer = await putBlob(store, Buffer.from(signedBundle(statement, key)), mediaTypes.bundle);
  const manifest: Manifest = {
    ...{
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: mediaTypes.bundle,
      config,
      layers: [layer],
    },
    subject: { mediaType: image.mediaType, digest, size: blobSize(store, digest) ?? 0 },
    annotations: {
      "dev.sigstore.bundle.content": "dsse-envelope",
      [annotations.predicateType]: type,
      [annotations.created]: new Date(clock.now()).toISOString(),
    },
  };
  const stored = await putBlob(store, Buffer.from(JSON.stringify(manifest)), mediaTypes.manifest);
  await withStoreLock(store, () => attach(store, stored, undefined), signal);
  return { attached: stored.digest, changed: true };
}
