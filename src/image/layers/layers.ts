import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import { fileChanged } from "../../lib/files/open-exactly.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import type { Pace } from "../../lib/time/pace.ts";
import { BlobWriter, type WrittenBlob } from "../store/blob-writer.ts";
import { contentChunks, contentLength } from "../store/content.ts";
import { blobPath, hasBlob, type ImageStore } from "../store/image-store.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { tarFormat, tarParts } from "../tar/tar-writer.ts";
import { layerIndexPath, loadLayerIndex, saveLayerIndex } from "./layer-index.ts";

/** A layer in the image store. Layers are stored uncompressed, so its digest is also its diff id (config.md). */
export interface Layer extends WrittenBlob {
  readonly name: string;
  readonly cached: boolean;
}

/** An entry from a file that may change during the build: it has these bytes, or the build fails. */
export interface CheckedEntry extends TarEntry {
  readonly sha256?: string;
}

export interface LayerPlace {
  readonly store: ImageStore;
  /** `StateFolder.cache`. */
  readonly cache: string;
  readonly nowMs: number;
  readonly pace: Pace;
}

/**
 * The layer for `inputs` (everything its bytes depend on): the existing one, or a new one made of `tree()`. A half-written
 * layer is invisible.
 */
export async function cachedLayer(
  place: LayerPlace,
  name: string,
  inputs: readonly unknown[],
  tree: () => Promise<ReadonlyMap<string, CheckedEntry>>,
): Promise<Layer> {
  const record = join(place.cache, "layers", `${layerKey(name, inputs)}.json`);
  const known = parseRecord(await readTextIfExists(record));
  if (known && hasBlob(place.store, known.digest, known.bytes, { nowMs: place.nowMs })) {
    return { ...known, name, cached: true };
  }
  const blob = await writeLayer(place, await tree());
  mkdirSync(dirname(record), { recursive: true, mode: 0o700 });
  await writeFileAtomic(record, JSON.stringify(blob), { durable: false });
  return { ...blob, name, cached: false };
}

function layerKey(name: string, inputs: readonly unknown[]): string {
  return sha256(JSON.stringify([tarFormat, name, inputs]));
}

function parseRecord(text: string | undefined): WrittenBlob | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as WrittenBlob);
  } catch {
    return undefined; // a cache entry that a crash cut short counts as missing
  }
}

/** Writes the tree as a layer and keeps its index. Throws `file_changed` when a checked entry has other bytes. */
async function writeLayer(place: LayerPlace, tree: ReadonlyMap<string, CheckedEntry>): Promise<WrittenBlob> {
  const writer = new BlobWriter(place.store);
  try {
    const offsets = new Map<string, number>();
    for (const part of tarParts(tree)) {
      if (part.of) offsets.set(part.of.path, writer.bytes);
      await copyPart(writer, part, place.pace);
    }
    const blob = writer.commit();
    const path = blobPath(place.store, blob.digest);
    await saveLayerIndex(layerIndexPath(place.cache, blob.digest), inBlob(tree, offsets, path));
    return blob;
  } finally {
    writer.discard();
  }
}

type Part = ReturnType<typeof tarParts> extends Generator<infer P> ? P : never;

async function copyPart(writer: BlobWriter, part: Part, pace: Pace): Promise<void> {
  const expected = (part.of as CheckedEntry | undefined)?.sha256;
  const hash = expected === undefined ? undefined : createHash("sha256");
  for (const chunk of contentChunks(part.content)) {
    hash?.update(chunk);
    writer.write(chunk);
    const wait = pace();
    if (wait) await wait;
  }
  if (hash && hash.digest("hex") !== expected) {
    throw fileChanged(part.content.kind === "slice" ? part.content.path : (part.of?.path ?? ""));
  }
}

function inBlob(
  tree: ReadonlyMap<string, CheckedEntry>,
  offsets: ReadonlyMap<string, number>,
  path: string,
): TarTree {
  return new Map(
    [...tree].map(([key, { sha256: _, content, ...entry }]) => {
      const offset = offsets.get(key);
      const length = contentLength(content);
      if (content === undefined) return [key, entry];
      return [key, { ...entry, content: { kind: "slice", path, offset: offset ?? 0, length } }];
    }),
  );
}

/** The paths of a stored layer, with contents as slices of its blob. Throws `image_invalid`. */
export async function layerTree(
  store: ImageStore,
  cache: string,
  blob: WrittenBlob,
  pace: Pace,
): Promise<TarTree> {
  const path = blobPath(store, blob.digest);
  const index = layerIndexPath(cache, blob.digest);
  const known = loadLayerIndex(index, path);
  if (known) return known;
  const { readTar } = await import("../tar/tar-reader.ts"); // only layers of others need it
  const tree = await readTar({ path, offset: 0, length: blob.bytes }, pace);
  await saveLayerIndex(index, tree);
  return tree;
}
