import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ImageDigest } from "../domain/ids.ts";
import { KilnError } from "../lib/errors.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import { namesIn, sweepTemporary } from "../lib/temporary.ts";
import {
  type ImageStore,
  type IndexEntry,
  imageStore,
  readIndex,
  readManifest,
  withStoreLock,
  writeIndex,
} from "./image-store.ts";
import { annotations } from "./oci-types.ts";

export interface GarbageOptions {
  /** Images that must stay: those of kept releases. */
  readonly keepDigests: ReadonlySet<ImageDigest>;
  readonly nowMs: number;
  /** What is younger stays: it may belong to a build that is still running. */
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
 * Frees what nothing needs: images that no kept release uses (but never a service's newest), then blobs, erofs files
 * and cache entries that belong to no image. A build may run meanwhile: it notices when something it counted on is gone.
 */
export async function collectGarbage(state: StateFolder, options: GarbageOptions): Promise<Collected> {
  const store = imageStore(state);
  return withStoreLock(store, async () => {
    sweepTemporary(store.temporary);
    sweepTemporary(join(state.erofs, "temporary"));
    const entries = await readIndex(store);
    const images = entries.filter((entry) => mayGo(entry, entries, options));
    const left = entries.filter((entry) => !images.includes(entry));
    const freed = new Freed(options);
    // First what belongs to no image at all: on a full disk that makes room for the new index.
    removeUnneeded(state, neededBlobs(store, entries, options.keepDigests), freed);
    if (images.length > 0) {
      await writeIndex(store, left);
      removeUnneeded(state, neededBlobs(store, left, options.keepDigests), freed);
    }
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

function mayGo(entry: IndexEntry, all: readonly IndexEntry[], options: GarbageOptions): boolean {
  if (options.keepDigests.has(entry.descriptor.digest)) return false;
  if (all.findLast(({ service }) => service === entry.service) === entry) return false;
  const createdAtMs = Date.parse(entry.descriptor.annotations?.[annotations.created] ?? "") || 0;
  return options.nowMs - createdAtMs >= options.minAgeMs;
}

/** Hex digits of every blob that an image consists of. */
function neededBlobs(
  store: ImageStore,
  entries: readonly IndexEntry[],
  keep: ReadonlySet<string>,
): ReadonlySet<string> {
  const digests = new Set([...keep, ...entries.map(({ descriptor }) => descriptor.digest)]);
  return new Set([...digests].flatMap((digest) => partsOf(store, digest)).map(hexOf));
}

function partsOf(store: ImageStore, digest: string): string[] {
  try {
    const manifest = readManifest(store, digest);
    return [digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
  } catch (error) {
    // A kept release may outlive its image; an image that is damaged must not keep the rest from being freed.
    if (error instanceof KilnError) return [digest];
    throw error;
  }
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

function removeUnneeded(state: StateFolder, needed: ReadonlySet<string>, freed: Freed): void {
  const isNeeded = (name: string) => needed.has(name.split(".")[0] ?? "");
  freed.sweep(join(state.images, "blobs/sha256"), isNeeded);
  freed.sweep(state.erofs, (name) => isNeeded(name) || name === "lock" || name === "temporary");
  // Indexes of layers that are still there stay; records are small, and stale ones do no harm but to the disk.
  freed.sweep(join(state.cache, "layers"), isNeeded);
  freed.sweep(join(state.cache, "builds"), () => false);
  freed.sweep(join(state.cache, "inputs"), () => false);
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
      this.files += 1;
      this.bytes += stat.size;
    }
  }
}
