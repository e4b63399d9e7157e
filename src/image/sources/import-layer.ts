import { createHash, type Hash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { KilnError } from "../../lib/errors.ts";
import { fileNameBytes } from "../../lib/files/file-names.ts";
import { foreignLinks, withCopies } from "../layers/foreign-links.ts";
import { cachedLayer, type Layer, type LayerPlace, layerTree } from "../layers/layers.ts";
import { BlobWriter } from "../store/blob-writer.ts";
import { contentChunks } from "../store/content.ts";
import { blobPath, blobSize, type ImageStore } from "../store/image-store.ts";
import type { ForeignDescriptor } from "../store/oci-schema.ts";
import { type Content, longestName, type TarTree } from "../tar/entry.ts";
import { damagedBlob, type ForeignBlobs } from "./foreign-blobs.ts";

/** More than any image in use, and little enough to stop an archive that unpacks without end. */
const maxLayerBytes = 32 * 2 ** 30;
/** Real files compress to a fiftieth at best; zeros compress to a thousandth (gzip) or less (zstd). */
const maxRatio = 200;
/** Below this size any ratio is allowed: empty databases and similar files. */
const freeBytes = 2 ** 30;

/** Into the image store, uncompressed. The configuration contains the diff id, so a stored blob with that digest is the layer. */
export async function importLayer(
  blobs: ForeignBlobs,
  layer: ForeignDescriptor,
  diffId: string,
  place: LayerPlace,
  below: readonly Layer[],
): Promise<Layer> {
  const present = blobSize(place.store, diffId);
  const bytes = present ?? (await copyLayer(blobs, layer, diffId, place));
  const treeOf = (blob: { digest: string; bytes: number }) =>
    layerTree(place.store, place.cache, blob, place.pace);
  const tree = await treeOf({ digest: diffId, bytes });
  checkNames(tree, blobs);
  if (foreignLinks(tree).length > 0) {
    const inputs = [diffId, ...below.map(({ digest }) => digest)];
    return cachedLayer(place, "base", inputs, async () =>
      withCopies(tree, await Promise.all(below.map(treeOf))),
    );
  }
  return { name: "base", digest: diffId, bytes, cached: present !== undefined };
}

function checkNames(tree: TarTree, blobs: ForeignBlobs): void {
  for (const path of tree.keys()) {
    const long =
      path.length > longestName && path.split("/").find((name) => fileNameBytes(name).length > longestName);
    if (!long) continue;
    throw new KilnError(
      "image_invalid",
      `${blobs.name} has a file whose name is longer than ${longestName} bytes: /${path}`,
      { hint: "Servers cannot have such a file: build the base image without it." },
    );
  }
}

async function copyLayer(
  blobs: ForeignBlobs,
  layer: ForeignDescriptor,
  diffId: string,
  place: LayerPlace,
): Promise<number> {
  const content = await blobs.open(layer);
  if (blobs.areOurs && layer.digest === diffId && content.kind === "slice") {
    return moveBlob(place.store, content.path, layer);
  }
  const hash = createHash("sha256");
  const writer = new BlobWriter(place.store);
  try {
    await decompressed(content, hash, async (chunk) => {
      const bytes = writer.bytes + chunk.byteLength;
      if (isTooLarge(bytes, layer.size)) throw tooLarge(blobs, layer, bytes);
      writer.write(chunk);
      await place.pace();
    }).catch((error) => {
      throw isDecoding(error) ? damagedBlob(blobs.name, layer.digest) : error;
    });
    if (`sha256:${hash.digest("hex")}` !== layer.digest) throw damagedBlob(blobs.name, layer.digest);
    const written = writer.commit();
    if (written.digest !== diffId) throw damagedBlob(blobs.name, diffId);
    return written.bytes;
  } finally {
    writer.discard();
    blobs.done?.(layer);
  }
}

/** A whole file becomes a blob of the store, once its bytes are on the disk. */
async function moveBlob(
  store: ImageStore,
  path: string,
  { digest, size }: ForeignDescriptor,
): Promise<number> {
  const file = await open(path, "r");
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(path, blobPath(store, digest));
  return size;
}

/** Whether a layer that is stored in `stored` bytes unpacks to more than a layer would. */
export function isTooLarge(bytes: number, stored: number): boolean {
  return bytes > maxLayerBytes || (bytes > freeBytes && bytes > stored * maxRatio);
}

function tooLarge(blobs: ForeignBlobs, { digest, size }: ForeignDescriptor, bytes: number): KilnError {
  const message = `${blobs.name}: the layer ${digest} of ${size} bytes unpacks to ${bytes} bytes and more.`;
  return new KilnError("image_invalid", message, {
    hint: `Kiln unpacks at most 32 GiB, and above 1 GiB at most ${maxRatio} times the size of the layer.`,
  });
}

/** Errors of zlib carry its own codes: `Z_DATA_ERROR`, `ZSTD_error_…`. */
function isDecoding(error: unknown): boolean {
  return error instanceof Error && /^(Z_|ZSTD_)/.test((error as NodeJS.ErrnoException).code ?? "");
}

/** Hands on the plain bytes chunk by chunk; `hash` sees the stored ones. */
async function decompressed(
  content: Content,
  hash: Hash,
  each: (chunk: Uint8Array) => Promise<void>,
): Promise<void> {
  async function* stored() {
    for (const chunk of contentChunks(content)) {
      hash.update(chunk);
      yield Buffer.from(chunk); // decompressors keep chunks, and the next one overwrites this
    }
  }
  const sink = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) await each(chunk);
  };
  const decompressor = decompressorOf(content);
  await (decompressor ? pipeline(stored, decompressor, sink) : pipeline(stored, sink));
}

/** By the first bytes, not by the media type, which producers get wrong: RFC 1952 (gzip), RFC 8878 (zstd). */
function decompressorOf(content: Content) {
  const [first = new Uint8Array()] = contentChunks(content);
  const start = Buffer.from(first).toString("hex", 0, 4);
  if (start.startsWith("1f8b")) return createGunzip();
  return start === "28b52ffd" ? createZstdDecompress() : undefined;
}
