import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import {
  annotations,
  type Descriptor,
  type ImageConfig,
  type Index,
  type Manifest,
  mediaTypes,
} from "./oci-types.ts";

/** The images of one installation: an OCI image layout (image-layout.md) that other tools may read at any time. */
export interface ImageStore {
  readonly folder: string;
  /** Where blobs are written before they have a digest. */
  readonly temporary: string;
  readonly lock: string;
}

/** The index entry of one version of one service. */
export interface IndexEntry {
  readonly service: string;
  readonly version: string;
  readonly descriptor: Descriptor;
}

/** Every version that was ever given, also of removed images: `<service>:<version>` to digest. */
export type GivenVersions = Readonly<Record<string, string>>;

export function imageStore(state: StateFolder): ImageStore {
  return {
    folder: state.images,
    temporary: join(state.images, "temporary"),
    lock: join(state.images, "lock"),
  };
}

/** Creates an empty layout if there is none. */
export async function ensureStore(store: ImageStore): Promise<void> {
  mkdirSync(join(store.folder, "blobs/sha256"), { recursive: true, mode: 0o700 });
  const marker = join(store.folder, "oci-layout");
  if ((await readTextIfExists(marker)) === undefined) {
    await writeFileAtomic(marker, '{"imageLayoutVersion":"1.0.0"}');
  }
}

/** Runs `work` while no other process changes index, versions or the set of blobs. */
export function withStoreLock<T>(
  store: ImageStore,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  mkdirSync(store.folder, { recursive: true, mode: 0o700 });
  return withFileLock(store.lock, work, signal ? { signal } : {});
}

/** The versions of services in the index, oldest first. Other entries belong to other tools. */
export async function readIndex(store: ImageStore): Promise<IndexEntry[]> {
  return (await readDescriptors(store)).flatMap((descriptor) => entryOf(descriptor) ?? []);
}

/** Everything in the index, oldest first. */
export async function readDescriptors(store: ImageStore): Promise<readonly Descriptor[]> {
  return (await readIndexFile(store)).manifests;
}

/** Undefined when the descriptor does not name a version of a service: then it comes from another tool. */
export function entryOf(descriptor: Descriptor): IndexEntry | undefined {
  const name = descriptor.annotations?.[annotations.refName] ?? "";
  const [, service, version] = /^([a-z][a-z0-9-]*):([A-Za-z0-9_][A-Za-z0-9._-]*)$/.exec(name) ?? [];
  return service && version ? { service, version, descriptor } : undefined;
}

/**
 * Replaces the list of descriptors. The rest of the index, and of descriptors that `change` returns, stays unchanged:
 * other tools attach signatures and similar data. Only under the store's lock.
 */
export async function changeIndex(
  store: ImageStore,
  change: (all: readonly Descriptor[]) => readonly Descriptor[],
): Promise<void> {
  const index = await readIndexFile(store);
  const changed = { ...index, manifests: change(index.manifests) };
  await writeFileAtomic(indexPath(store), JSON.stringify(changed, undefined, 1));
}

/** image-index.md; unknown members are kept. */
const indexSchema = z.looseObject({
  manifests: z.array(
    z.looseObject({
      mediaType: z.string(),
      digest: z.string(),
      size: z.int(),
      annotations: z.record(z.string(), z.string()).exactOptional(),
    }),
  ),
});

async function readIndexFile(store: ImageStore): Promise<z.infer<typeof indexSchema>> {
  const text = await readTextIfExists(indexPath(store));
  if (text === undefined) return { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
  return parseOwn(indexSchema, text, indexPath(store));
}

function indexPath(store: ImageStore): string {
  return join(store.folder, "index.json");
}

const versionsSchema = z.record(z.string(), z.string());

export async function readVersions(store: ImageStore): Promise<GivenVersions> {
  const path = join(store.folder, "versions.json");
  const text = await readTextIfExists(path);
  return text === undefined ? {} : parseOwn(versionsSchema, text, path);
}

/** Only under the store's lock. */
export async function writeVersions(store: ImageStore, versions: GivenVersions): Promise<void> {
  await writeFileAtomic(join(store.folder, "versions.json"), JSON.stringify(versions, undefined, 1));
}

function parseOwn<T>(schema: z.ZodType<T>, text: string, path: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError("state_corrupt", `${path} does not contain what Kiln writes there.`, {
      hint: "Restore it from a backup, or delete the folder and build the images again.",
      cause,
    });
  }
}

export function blobPath(store: ImageStore, digest: string): string {
  return join(store.folder, "blobs/sha256", digest.slice("sha256:".length));
}

/** Whether the complete blob exists; with `touch` it also counts as new for `collectGarbage`. */
export function hasBlob(store: ImageStore, digest: string, size: number, touch?: { nowMs: number }): boolean {
  if (blobSize(store, digest) !== size) return false;
  const path = blobPath(store, digest);
  if (touch) utimesSync(path, touch.nowMs / 1000, touch.nowMs / 1000);
  return true;
}

/** The blob's size in bytes; undefined when the store lacks it. */
export function blobSize(store: ImageStore, digest: string): number | undefined {
  return statSync(blobPath(store, digest), { throwIfNoEntry: false })?.size;
}

/** The digest of the present content of the blob's file; undefined without a file. */
export async function blobFileDigest(
  store: ImageStore,
  digest: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (blobSize(store, digest) === undefined) return undefined;
  const hash = createHash("sha256");
  const stream = createReadStream(blobPath(store, digest), { highWaterMark: 1 << 20, signal });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/** Stores a small blob durably. */
export async function putBlob(store: ImageStore, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes);
  await writeFileAtomic(blobPath(store, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

/**
 * The manifest of one image. Throws `image_unknown` when the store lacks it, `image_invalid` when its bytes do not match
 * its digest, or when it is an index of several images.
 */
export function readManifest(store: ImageStore, digest: string): Manifest {
  const content = readManifestOrIndex(store, digest);
  if ("layers" in content) return content;
  throw new KilnError("image_invalid", `${digest} is an index of several images, not an image.`, {
    hint: "Name one of the images in it by its own digest.",
  });
}

/** What a descriptor of the store's index refers to. Throws as `readManifest` does, and takes an index as well. */
export function readManifestOrIndex(store: ImageStore, digest: string): Manifest | Index {
  const content = readJsonBlob<Partial<Manifest & Index>>(store, digest);
  if (content.manifests) return { ...content, manifests: content.manifests };
  const { schemaVersion = 2, mediaType = mediaTypes.manifest, config, layers } = content;
  if (config && layers) return { ...content, schemaVersion, mediaType, config, layers };
  throw new KilnError("image_invalid", `${digest} is neither the manifest of an image nor an index.`, {
    hint: "Remove the image and build it again.",
  });
}

export function readConfig(store: ImageStore, manifest: Manifest): ImageConfig {
  return readJsonBlob<ImageConfig>(store, manifest.config.digest);
}

/** A blob is trusted after its digest has been checked. */
function readJsonBlob<T>(store: ImageStore, digest: string): T {
  const bytes = readBlob(store, digest);
  if (digestOf(bytes) !== digest) {
    throw new KilnError("image_invalid", `The stored bytes of ${digest} are damaged.`, {
      hint: "Remove the image and build it again.",
    });
  }
  return JSON.parse(bytes.toString()) as T;
}

/** Its bytes, not checked yet. Throws `image_unknown`. */
export function readBlob(store: ImageStore, digest: string): Buffer {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new KilnError("image_unknown", `${digest} is not an image digest.`);
  }
  try {
    return readFileSync(blobPath(store, digest));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new KilnError("image_unknown", `The image ${digest} is not on this machine.`, {
      hint: "`kiln images` lists the images; `kiln build` builds the image again.",
    });
  }
}
