import { readFileSync, statSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import { inParallel } from "../../lib/in-parallel.ts";
import type { Registry } from "../registry/registry.ts";
import { putManifest, uploadBlob } from "../registry/upload.ts";
import { blobPath, type ImageStore, readManifest } from "../store/image-store.ts";
import type { Descriptor } from "../store/oci-types.ts";
import { pushReferrers, pushTagged } from "./push-referrers.ts";

export interface Pushed {
  readonly digest: string;
  /** How many signatures and similar data went with it. */
  readonly attached: number;
  /** Of the blobs that the registry did not have. */
  readonly sentBytes: number;
}

const atOnce = 3;

/**
 * Stores an image in a registry under a tag, with the bytes and the digest that it has here. Blobs that the registry has
 * are not sent, and the tag comes last: anyone who finds the image by it finds its signatures, too. Throws what the registry's
 * calls throw, `image_unknown`, and `image_invalid` for a damaged image.
 */
export async function pushImage(
  store: ImageStore,
  digest: string,
  registry: Registry,
  tag: string,
  progress: (text: string) => void,
): Promise<Pushed> {
  const manifest = readManifest(store, digest);
  const parts = [
    ...new Map([...manifest.layers, manifest.config].map((part) => [part.digest, part])).values(),
  ];
  const sent = await inParallel(parts, atOnce, async (part) => {
    requireWhole(store, part);
    progress(`Pushing ${part.digest.slice(0, 19)}…, ${Math.ceil(part.size / 1e6)} MB`);
    return (await uploadBlob(registry, { ...part, path: blobPath(store, part.digest) })) ? part.size : 0;
  });
  const image = { bytes: readFileSync(blobPath(store, digest)), mediaType: manifest.mediaType };
  await putManifest(registry, digest, image);
  const attached =
    (await pushReferrers(store, digest, registry)) + (await pushTagged(store, digest, registry));
  await putManifest(registry, tag, image);
  return { digest, attached, sentBytes: sent.reduce((sum, one) => sum + one, 0) };
}

function requireWhole(store: ImageStore, { digest, size }: Descriptor): void {
  if (statSync(blobPath(store, digest), { throwIfNoEntry: false })?.size === size) return;
  throw new KilnError("image_invalid", `The stored blob ${digest} is damaged or missing.`, {
    hint: "Remove the image and build it again.",
  });
}
