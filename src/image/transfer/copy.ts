import { KilnError } from "../../lib/errors.ts";
import { inParallel } from "../../lib/in-parallel.ts";
import type { FetchedManifest, Registry } from "../registry/registry.ts";
import { hasThere, putManifest, uploadBlob } from "../registry/upload.ts";
import { RegistryBlobs } from "../sources/registry-blobs.ts";
import { type ForeignDescriptor, foreignIndex, foreignManifest } from "../store/oci-schema.ts";
import { inTemporaryStore } from "../store/temporary-store.ts";
import { type PulledReferrers, pullReferrers } from "./pull-referrers.ts";
import { pushReferrers, pushTagged } from "./push-referrers.ts";

export interface CopiedImage {
  /** Of the image, or of the index of several. */
  readonly digest: string;
  /** How many manifests: an index has one for each of its platforms. */
  readonly manifests: number;
  /** How many signatures and similar data went with it. */
  readonly attached: number;
  readonly notTaken: PulledReferrers["notTaken"];
  /** Of the blobs that the other registry did not have. */
  readonly sentBytes: number;
}

export interface CopyOptions {
  /** Absent: it can be found by its digest alone. */
  readonly tag: string | undefined;
  /** Where blobs are on their way, as `StateFolder.cache`: a copy that was broken off continues there. */
  readonly cache: string;
  readonly progress: (text: string) => void;
}

const atOnce = 3;
/** An index of indexes is allowed, and has no use for more. */
const deepest = 3;

/**
 * Copies what a reference names from one registry to another, byte by byte: an image of any builder, or an index with all of its
 * platforms, and what is attached to them. Blobs that are there already are not fetched; the tag comes last: anyone who finds the image by it
 * finds its signatures, too. Throws what the registries' calls throw, and `image_invalid`.
 */
export async function copyImage(from: Registry, to: Registry, options: CopyOptions): Promise<CopiedImage> {
  const { reference } = from;
  const root = await from.manifest(reference.digest ?? reference.tag ?? "");
  const copy = new Copy(from, to, options);
  await copy.manifest(root);
  const digests = [...copy.copied];
  const attached = { count: 0, notTaken: { count: 0, named: [] as PulledReferrers["notTaken"]["named"] } };
  for (const digest of digests) {
    const { count, notTaken } = await copyReferrers(digest, from, to);
    attached.count += count;
    attached.notTaken.count += notTaken.count;
    attached.notTaken.named = [...attached.notTaken.named, ...notTaken.named];
  }
  if (options.tag !== undefined) await putManifest(to, options.tag, root);
  return {
    ...{ digest: root.digest, manifests: digests.length, sentBytes: copy.sentBytes },
    ...{ attached: attached.count, notTaken: attached.notTaken },
  };
}

class Copy {
  readonly copied = new Set<string>();
  sentBytes = 0;
  readonly #from: Registry;
  readonly #to: Registry;
  readonly #blobs: RegistryBlobs;
  readonly #progress: CopyOptions["progress"];

  constructor(from: Registry, to: Registry, { cache, progress }: CopyOptions) {
    this.#from = from;
    this.#to = to;
    this.#progress = progress;
    this.#blobs = new RegistryBlobs(from, { cache, progress });
  }

  /** All of its parts, and then itself, under its digest. */
  async manifest(found: FetchedManifest, depth = 1): Promise<void> {
    const value: unknown = JSON.parse(found.bytes.toString());
    const index = foreignIndex.safeParse(value).data;
    const manifest = foreignManifest.safeParse(value).data;
    if (manifest === undefined && (index === undefined || depth > deepest)) throw noImage(this.#from, found);
    for (const { digest } of manifest ? [] : (index?.manifests ?? [])) {
      if (!this.copied.has(digest)) await this.manifest(await this.#from.manifest(digest), depth + 1);
    }
    const parts = manifest ? [...manifest.layers, manifest.config] : [];
    const once = [...new Map(parts.map((part) => [part.digest, part])).values()];
    await inParallel(once, atOnce, (part) => this.#blob(part));
    await putManifest(this.#to, found.digest, found);
    this.copied.add(found.digest);
  }

  async #blob(part: ForeignDescriptor): Promise<void> {
    if (await this.#to.retrying(() => hasThere(this.#to, part.digest))) return;
    this.#progress(`Copying ${part.digest.slice(0, 19)}…, ${Math.ceil(part.size / 1e6)} MB`);
    const content = await this.#blobs.open(part);
    if (content.kind !== "slice") return;
    if (await uploadBlob(this.#to, { ...part, path: content.path })) this.sentBytes += part.size;
    this.#blobs.done(part);
  }
}

function noImage({ reference }: Registry, { digest }: FetchedManifest): KilnError {
  return new KilnError(
    "image_invalid",
    `${digest} at ${reference.host} is neither an image nor an index of images.`,
    {
      hint: "Old manifests (schema 1) and indexes of more than three levels cannot be copied.",
    },
  );
}

/** By way of a store of its own: within the limits of a pull, and listed as a push lists them. */
async function copyReferrers(digest: string, from: Registry, to: Registry) {
  return inTemporaryStore(async (store) => {
    const { notTaken } = await pullReferrers(store, digest, from);
    const count = (await pushReferrers(store, digest, to)) + (await pushTagged(store, digest, to));
    return { count, notTaken };
  });
}
