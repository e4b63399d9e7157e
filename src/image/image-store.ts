import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isErrno, KilnError } from "../lib/errors.ts";
import { withFileLock } from "../lib/file-lock.ts";
import { readTextIfExists, writeFileAtomic } from "../lib/files.ts";
import { digestOf } from "../lib/sha256.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import { annotations, type Descriptor, type ImageConfig, type Manifest, mediaTypes } from "./oci-types.ts";

/** The images of one installation: an OCI image layout (image-layout.md) that other tools may read at any time. */
export interface ImageStore {
  readonly folder: string;
  /** Where blobs are written before they have a digest. */
  readonly temporary: string;
  readonly lock: string;
}

/** What the index says of one version of one service. */
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

/** Makes an empty layout where there is none. */
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

export async function readIndex(store: ImageStore): Promise<IndexEntry[]> {
  const text = await readTextIfExists(join(store.folder, "index.json"));
  if (text === undefined) return [];
  const index = parseOwn<{ manifests: readonly Descriptor[] }>(text, join(store.folder, "index.json"));
  return index.manifests.flatMap((descriptor) => {
    const [service, version] = (descriptor.annotations?.[annotations.refName] ?? "").split(/:(.*)/s);
    return service && version ? [{ service, version, descriptor }] : [];
  });
}

/** Only under the store's lock. */
export async function writeIndex(store: ImageStore, entries: readonly IndexEntry[]): Promise<void> {
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: entries.map(({ descriptor }) => descriptor),
  };
  await writeFileAtomic(join(store.folder, "index.json"), JSON.stringify(index, undefined, 1));
}

export async function readVersions(store: ImageStore): Promise<GivenVersions> {
  const path = join(store.folder, "versions.json");
  const text = await readTextIfExists(path);
  return text === undefined ? {} : parseOwn<GivenVersions>(text, path);
}

/** Only under the store's lock. */
export async function writeVersions(store: ImageStore, versions: GivenVersions): Promise<void> {
  await writeFileAtomic(join(store.folder, "versions.json"), JSON.stringify(versions, undefined, 1));
}

function parseOwn<T>(text: string, path: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new KilnError("state_corrupt", `${path} is not valid JSON.`, {
      hint: "Restore it from a backup, or delete the folder and build the images again.",
      cause,
    });
  }
}

export function blobPath(store: ImageStore, digest: string): string {
  return join(store.folder, "blobs/sha256", digest.slice("sha256:".length));
}

/** Whether the blob is there in full; with `touch` it also counts as new for `collectGarbage`. */
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

/** The digest of what the blob's file holds now; undefined when there is none. */
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

/** Throws `image_unknown` when the store lacks it, `image_invalid` when its bytes are not those of its digest. */
export function readManifest(store: ImageStore, digest: string): Manifest {
  return readJsonBlob<Manifest>(store, digest);
}

export function readConfig(store: ImageStore, manifest: Manifest): ImageConfig {
  return readJsonBlob<ImageConfig>(store, manifest.config.digest);
}

/** What was written here under its digest is trusted once the digest has been checked. */
function readJsonBlob<T>(store: ImageStore, digest: string): T {
  const bytes = readBlob(store, digest);
  if (digestOf(bytes) !== digest) {
    throw new KilnError("image_invalid", `The stored bytes of ${digest} are damaged.`, {
      hint: "Remove the image and build it again.",
    });
  }
  return JSON.parse(bytes.toString()) as T;
}

function readBlob(store: ImageStore, digest: string): Buffer {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new KilnError("image_unknown", `${digest} is no image digest.`);
  }
  try {
    return readFileSync(blobPath(store, digest));
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new KilnError("image_unknown", `There is no image ${digest} on this machine.`, {
      hint: "`kiln images` lists what is there; `kiln build` makes it again.",
    });
  }
}
