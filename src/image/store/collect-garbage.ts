import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ImageDigest } from "../../domain/ids.ts";
import { namesIn, sweepTemporary } from "../../lib/files/temporary.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { partsOf, subjectOf } from "../layers/parts.ts";
import {
  changeIndex,
  entryOf,
  type ImageStore,
  type IndexEntry,
  imageStore,
  readDescriptors,
  withStoreLock,
} from "./image-store.ts";
import { isPinned } from "./images.ts";
import { annotations, type Descriptor } from "./oci-types.ts";
import { removeUnused } from "./unused-results.ts";

export interface GarbageOptions {
  /** Images that must stay: the images of kept releases. Asked when nothing else can change the store any more. */
  readonly inUse: () => ReadonlySet<ImageDigest>;
  readonly nowMs: number;
  /** Younger files stay: they may belong to a running build. */
  readonly minAgeMs: number;
}

export interface Collected {
  readonly images: readonly {
    readonly service: string;
    readonly version: string;
    readonly digest: ImageDigest;
  }[];
  readonly files: number;
  readonly bytes: number;
}

/**
 * Removes what nothing needs: images that no kept release uses (but never a service's newest), then blobs, erofs files
 * and cache entries that belong to no image. Entries that refer to an image, such as a signature, stay and go with it;
 * entries of other tools that refer to nothing stay. Results that no image refers to (installations, Dockerfiles, templates of Packer) go when
 * no build has used them for 30 days. A build may run meanwhile: it notices when a file it needs is gone.
 */
export async function collectGarbage(state: StateFolder, options: GarbageOptions): Promise<Collected> {
  const store = imageStore(state);
  return withStoreLock(store, async () => {
    sweepTemporary(store.temporary);
    sweepTemporary(join(state.erofs, "temporary"));
    const all = await readDescriptors(store);
    const entries = all.flatMap((descriptor) => entryOf(descriptor) ?? []);
    const keep = options.inUse();
    const images = entries.filter((entry) => mayGo(entry, entries, keep, options));
    const leaving = new Set(images.map(({ descriptor }) => descriptor));
    const left = all.filter((descriptor) => !leaving.has(descriptor));
    const kept = withoutOrphans(store, left, keep);
    const freed = new Freed(options);
    // First the files that belong to no image: on a full disk that makes room for the new index.
    removeUnneeded(state, hexDigits(neededBlobs(store, all, keep)), freed);
    if (kept.length < all.length) {
      await changeIndex(store, () => kept);
      removeUnneeded(state, hexDigits(neededBlobs(store, kept, keep)), freed);
    }
    for (const results of ["packages/installed", "dockerfile", "packer/asked", "packer/results"])
      for (const size of await removeUnused(join(state.cache, results), options.nowMs)) freed.add(size);
    return {
      images: images.map(({ service, version, descriptor }) => ({
        service,
        version,
        digest: descriptor.digest,
      })),
      files: freed.files,
      bytes: freed.bytes,
    };
  });
}

function mayGo(
  entry: IndexEntry,
  all: readonly IndexEntry[],
  keep: ReadonlySet<ImageDigest>,
  options: GarbageOptions,
): boolean {
  if (keep.has(entry.descriptor.digest) || isPinned(entry.descriptor)) return false;
  if (all.findLast(({ service }) => service === entry.service) === entry) return false;
  const createdAtMs = Date.parse(entry.descriptor.annotations?.[annotations.created] ?? "") || 0;
  return options.nowMs - createdAtMs >= options.minAgeMs;
}

/** Without entries that refer to removed images; a signature may itself be signed. */
function withoutOrphans(
  store: ImageStore,
  descriptors: readonly Descriptor[],
  keep: ReadonlySet<string>,
): readonly Descriptor[] {
  const subjects = new Map(descriptors.map((d) => [d, entryOf(d) ? undefined : subjectOf(store, d)]));
  let kept = descriptors.filter((descriptor) => subjects.get(descriptor) === undefined);
  for (;;) {
    const needed = neededBlobs(store, kept, keep);
    const next = descriptors.filter((d) => kept.includes(d) || needed.has(subjects.get(d) ?? ""));
    if (next.length === kept.length) return kept;
    kept = next;
  }
}

/** The digest of every blob that an entry of the index or an image to keep consists of. */
function neededBlobs(
  store: ImageStore,
  descriptors: readonly Descriptor[],
  keep: ReadonlySet<string>,
): ReadonlySet<string> {
  const digests = new Set([...keep, ...descriptors.map(({ digest }) => digest)]);
  return new Set([...digests].flatMap((digest) => partsOf(store, digest)).map((part) => part.digest));
}

function hexDigits(digests: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...digests].map((digest) => digest.slice("sha256:".length)));
}

function removeUnneeded(state: StateFolder, needed: ReadonlySet<string>, freed: Freed): void {
  const isNeeded = (name: string) => needed.has(name.split(".")[0] ?? "");
  freed.sweep(join(state.images, "blobs/sha256"), isNeeded);
  freed.sweep(state.erofs, (name) => isNeeded(name) || name === "lock" || name === "temporary");
  // Indexes of present layers stay; records are small, and stale ones only take disk space.
  freed.sweep(join(state.cache, "layers"), isNeeded);
  freed.sweep(join(state.cache, "provenance"), isNeeded);
  freed.sweep(join(state.cache, "builds"), () => false);
  freed.sweep(join(state.cache, "inputs"), () => false);
  freed.sweep(join(state.cache, "registry"), (name) => name.startsWith("lock-"));
}

/** Removes files and counts what that frees. */
class Freed {
  files = 0;
  bytes = 0;
  readonly #options: GarbageOptions;

  constructor(options: GarbageOptions) {
    this.#options = options;
  }

  sweep(folder: string, keep: (name: string) => boolean): void {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (keep(name) || !stat?.isFile()) continue;
      if (this.#options.nowMs - Math.max(stat.mtimeMs, stat.ctimeMs) < this.#options.minAgeMs) continue;
      rmSync(path, { force: true });
      this.add(stat.size);
    }
  }

  add(bytes: number): void {
    this.files += 1;
    this.bytes += bytes;
  }
}
