import type { ImageDigest } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { contentOf, partsOf } from "../layers/parts.ts";
import {
  changeIndex,
  type ImageStore,
  type IndexEntry,
  imageStore,
  readIndex,
  readManifest,
  readVersions,
  withStoreLock,
} from "./image-store.ts";
import { annotations, basesOf, type Descriptor } from "./oci-types.ts";

/** One version of one service's image. */
export interface StoredImage {
  readonly service: string;
  readonly version: string;
  readonly digest: ImageDigest;
  /** The ChainID over the layers. */
  readonly contentDigest: string;
  /** Of all layers, uncompressed; images share equal layers. */
  readonly bytes: number;
  readonly createdAtMs: number;
  /** It stays until it is unpinned. */
  readonly pinned: boolean;
}

/** All images of this installation, in the order in which they were made. */
export async function listImages(state: StateFolder): Promise<StoredImage[]> {
  const store = imageStore(state);
  return (await readIndex(store)).map((entry) => toStored(store, entry));
}

function toStored(store: ImageStore, { service, version, descriptor }: IndexEntry): StoredImage {
  const content = contentOf(store, descriptor.digest);
  const layers = partsOf(store, descriptor.digest).filter(({ kind }) => kind === "layer");
  return {
    service,
    version,
    digest: descriptor.digest,
    contentDigest: content?.annotations?.[annotations.contentDigest] ?? "",
    bytes: layers.reduce((sum, layer) => sum + layer.bytes, 0),
    createdAtMs: Date.parse(descriptor.annotations?.[annotations.created] ?? "") || 0,
    pinned: isPinned(descriptor),
  };
}

export function isPinned({ annotations: notes }: Descriptor): boolean {
  return notes?.[annotations.pinned] !== undefined;
}

/** A service's image by its version, its digest, or the digest's first digits (at least 8). Throws `image_unknown`. */
export async function resolveImage(
  state: StateFolder,
  service: string,
  versionOrDigest: string,
): Promise<StoredImage> {
  const store = imageStore(state);
  return toStored(store, findEntry(await readIndex(store), service, versionOrDigest));
}

/** What an image was built on, by its manifest. Nothing for an image that is not there. */
export function basesIn(state: StateFolder, digest: string): readonly string[] {
  try {
    return basesOf(readManifest(imageStore(state), digest));
  } catch (error) {
    if (error instanceof KilnError) return [];
    throw error;
  }
}

function findEntry(entries: readonly IndexEntry[], service: string, wanted: string): IndexEntry {
  const own = entries.filter((entry) => entry.service === service);
  const byVersion = own.find(({ version }) => version === wanted);
  const found = byVersion
    ? [byVersion]
    : own.filter(({ descriptor }) => startsLike(descriptor.digest, wanted));
  const digests = new Set(found.map(({ descriptor }) => descriptor.digest));
  const last = found.at(-1);
  if (last && digests.size === 1) return last;
  throw unknownImage(entries, own, service, wanted);
}

function startsLike(digest: string, wanted: string): boolean {
  const digits = wanted.replace(/^sha256:/, "");
  return /^[0-9a-f]{8,64}$/.test(digits) && digest.startsWith(`sha256:${digits}`);
}

function unknownImage(
  all: readonly IndexEntry[],
  own: readonly IndexEntry[],
  service: string,
  wanted: string,
): KilnError {
  if (own.length === 0) {
    const near = nearest(service, new Set(all.map((entry) => entry.service)));
    return new KilnError("image_unknown", `There are no images of a service "${service}".`, {
      hint: near ? `Did you mean "${near}"?` : "`kiln build` builds one.",
    });
  }
  const versions = own.map(({ version }) => version);
  const near = nearest(wanted, versions);
  return new KilnError("image_unknown", `${service} has no image "${wanted}".`, {
    hint: near ? `Did you mean "${near}"?` : `The newest versions are ${versions.slice(-5).join(", ")}.`,
  });
}

/** The digests that kept releases, candidates and channels name, each with these. */
export type ImagesInUse = ReadonlyMap<ImageDigest, readonly string[]>;

/**
 * Removes a version; the next `collectGarbage` removes what only this version needed. The version stays taken: it can
 * only return as the same image. Throws `image_unknown`, and `image_in_use` while a kept release needs the image or it is
 * pinned. `inUse` is asked when nothing else can change the store any more.
 */
export async function removeImage(
  state: StateFolder,
  service: string,
  versionOrDigest: string,
  inUse: () => ImagesInUse,
): Promise<StoredImage> {
  const store = imageStore(state);
  return withStoreLock(store, async () => {
    const entries = await readIndex(store);
    const entry = findEntry(entries, service, versionOrDigest);
    const users = inUse().get(entry.descriptor.digest) ?? [];
    if (users.length > 0) {
      throw new KilnError("image_in_use", `${service}:${entry.version} is used by ${users.join(", ")}.`, {
        hint: "An image can be removed when no kept release, candidate or channel names it any more.",
      });
    }
    if (isPinned(entry.descriptor)) {
      throw new KilnError("image_in_use", `${service}:${entry.version} is pinned.`, {
        hint: `Unpin it first: kiln image unpin ${service}:${entry.version}`,
      });
    }
    const image = toStored(store, entry);
    await changeIndex(store, (all) => all.filter((descriptor) => !isSame(descriptor, entry.descriptor)));
    return image;
  });
}

/** Whether a version stays, whatever uses it. False when it is so already. Throws `image_unknown`. */
export async function setPinned(
  state: StateFolder,
  service: string,
  version: string,
  pinned: boolean,
): Promise<boolean> {
  const store = imageStore(state);
  return withStoreLock(store, async () => {
    const { descriptor } = findEntry(await readIndex(store), service, version);
    if (isPinned(descriptor) === pinned) return false;
    const { [annotations.pinned]: _, ...others } = descriptor.annotations ?? {};
    const notes = pinned ? { ...others, [annotations.pinned]: "true" } : others;
    await changeIndex(store, (all) =>
      all.map((one) => (isSame(one, descriptor) ? { ...one, annotations: notes } : one)),
    );
    return true;
  });
}

function isSame(one: Descriptor, other: Descriptor): boolean {
  const name = annotations.refName;
  return one.digest === other.digest && one.annotations?.[name] === other.annotations?.[name];
}

/**
 * A version names one image forever. Throws `version_taken` when it names another image, and `image_unknown` when it was
 * never used.
 */
export async function requireVersion(
  state: StateFolder,
  service: string,
  version: string,
  digest: ImageDigest,
): Promise<void> {
  const named = (await readVersions(imageStore(state)))[`${service}:${version}`];
  if (named === digest) return;
  if (named === undefined) {
    throw new KilnError("image_unknown", `${service} has no image with the version ${version}.`, {
      hint: "`kiln images` lists the versions; `kiln build` builds one.",
    });
  }
  throw new KilnError(
    "version_taken",
    `Version ${version} of ${service} is the image ${named.slice(0, 19)}…, not ${digest.slice(0, 19)}….`,
    { hint: "A version never changes its image. Deploy the image under its own version." },
  );
}
