import { createHash, type Hash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { z } from "zod";
import type { ImageBase } from "../../domain/spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { fileNameBytes } from "../../lib/files/file-names.ts";
import { foreignLinks, withCopies } from "../layers/foreign-links.ts";
import type { InputIndex } from "../layers/input-index.ts";
import { cachedLayer, type Layer, type LayerPlace, layerTree } from "../layers/layers.ts";
import { BlobWriter } from "../store/blob-writer.ts";
import { contentChunks } from "../store/content.ts";
import { blobSize } from "../store/image-store.ts";
import { type ForeignDescriptor, foreignConfig, foreignIndex, foreignManifest } from "../store/oci-schema.ts";
import { annotations, hostArchitecture, type ProcessConfig } from "../store/oci-types.ts";
import { type Content, longestName, type Tree } from "../tar/entry.ts";
import type { Base } from "./base.ts";
import { damagedBlob, jsonOf, type OciSource, openOciSource, sizedBlob } from "./oci-source.ts";

/** More than any image in use, and little enough to stop an archive that unpacks without end. */
const maxLayerBytes = 32 * 2 ** 30;
/** Real files compress to a fiftieth at best; zeros compress to a thousandth (gzip) or less (zstd). */
const maxRatio = 200;
/** Below this size any ratio is allowed: empty databases and similar files. */
const freeBytes = 2 ** 30;

type OciImageBase = Extract<ImageBase, { kind: "oci" }>;

/**
 * An OCI image layout as a base. It may come from anywhere: everything is checked against its digest and its schema.
 * Throws `file_missing`, `image_unknown` (no image of that name, or none for this machine), `image_invalid`.
 */
export async function openOciBase(base: OciImageBase, place: LayerPlace, index: InputIndex): Promise<Base> {
  const source = await openOciSource(base.path, place, index);
  const chosen = chooseManifest(source, base.ref);
  const manifest = parse(foreignManifest, source, chosen);
  const config = parse(foreignConfig, source, manifest.config);
  if (config.os !== "linux" || config.architecture !== hostArchitecture()) {
    throw notForThisMachine(source, [`${config.os}/${config.architecture}`]);
  }
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new KilnError(
      "image_invalid",
      `${source.path}: its manifest and its configuration name different layers.`,
    );
  }
  return {
    identity: chosen.digest,
    process: config.config ? withoutUndefined(config.config) : {},
    layers: manifest.layers.map((layer, i) => {
      const diffId = config.rootfs.diff_ids[i] ?? "";
      return (target, below) => importLayer(source, layer, diffId, target, below);
    }),
  };
}

function parse<T extends z.ZodType>(schema: T, source: OciSource, from: ForeignDescriptor): z.infer<T> {
  return checked(schema, source, from.digest, jsonOf(source, sizedBlob(source, from), from.digest));
}

function checked<T extends z.ZodType>(
  schema: T,
  source: OciSource,
  what: string,
  value: unknown,
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.length ? ` at ${issue.path.join(".")}` : "";
  throw new KilnError("image_invalid", `${source.path}: ${what} is malformed${where}: ${issue?.message}.`);
}

function withoutUndefined(config: Record<string, unknown>): ProcessConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** The manifest that `ref` (a name or a digest) picks, or the only one; indexes lead to the one for this machine. */
function chooseManifest(source: OciSource, ref: string | undefined): ForeignDescriptor {
  const content = source.file("index.json");
  const index = checked(foreignIndex, source, "index.json", content && jsonOf(source, content));
  const named = index.manifests.filter(
    ({ digest, annotations: notes }) =>
      ref === undefined || digest === ref || notes?.[annotations.refName] === ref,
  );
  if (named.length === 0) {
    const below = forThisMachine(source, index.manifests).find(({ digest }) => digest === ref);
    if (below !== undefined) return below;
    throw noSuchImage(source, ref, index.manifests);
  }
  const [only, ...others] = mostPortable(forThisMachine(source, named));
  if (only === undefined) throw notForThisMachine(source, named.map(platformOf));
  if (others.length > 0) throw ambiguous(source, [only, ...others]);
  return only;
}

/** The manifests of the variant that most machines can run: none or `v1` of amd64, none or `v8` of arm64. */
function mostPortable(candidates: readonly ForeignDescriptor[]): readonly ForeignDescriptor[] {
  const lowest = candidates.reduce(
    (least, one) => Math.min(least, variantLevel(one)),
    Number.POSITIVE_INFINITY,
  );
  return candidates.filter((candidate) => variantLevel(candidate) === lowest);
}

/** image-index.md, "Platform Variants": amd64 has v1 (the same as none) to v4, arm64 has v8 (the same) and later ones. */
function variantLevel({ platform }: ForeignDescriptor): number {
  const level = Number.parseFloat(platform?.variant?.slice(1) ?? "");
  const first = platform?.architecture === "arm64" ? 8 : 1;
  return Number.isNaN(level) ? first : Math.max(first, level);
}

/** More than any real image has: each index may name ten thousand others. */
const mostIndexes = 32;

/** Indexes may name indexes (image-index.md), and each other: each is read once. By digest, those for this machine. */
function forThisMachine(
  source: OciSource,
  named: readonly ForeignDescriptor[],
): readonly ForeignDescriptor[] {
  const found = new Map<string, ForeignDescriptor>();
  const read = new Set<string>();
  const waiting = [...named];
  for (const candidate of waiting) {
    const { platform, digest } = candidate;
    if (platform && (platform.os !== "linux" || platform.architecture !== hostArchitecture())) continue;
    if (!/(image\.index|manifest\.list)\.v\d\+json$/.test(candidate.mediaType)) {
      if (!found.has(digest)) found.set(digest, candidate);
    } else if (!read.has(digest)) {
      if (read.size === mostIndexes) {
        throw new KilnError("image_invalid", `${source.path} has more than ${mostIndexes} nested indexes.`);
      }
      read.add(digest);
      for (const more of parse(foreignIndex, source, candidate).manifests) waiting.push(more);
    }
  }
  return [...found.values()];
}

function namesOf(candidates: readonly ForeignDescriptor[]): string {
  return candidates
    .slice(0, 10)
    .map(({ digest, annotations: notes }) => notes?.[annotations.refName] ?? digest)
    .join(", ");
}

function platformOf({ platform }: ForeignDescriptor): string {
  return platform ? `${platform.os}/${platform.architecture}` : "unknown";
}

function noSuchImage(
  source: OciSource,
  ref: string | undefined,
  all: readonly ForeignDescriptor[],
): KilnError {
  const what = ref === undefined ? "no image" : `no image "${ref}"`;
  return new KilnError("image_unknown", `${source.path} has ${what}.`, {
    ...(all.length > 0 ? { hint: `It has: ${namesOf(all)}.` } : {}),
  });
}

function ambiguous(source: OciSource, all: readonly ForeignDescriptor[]): KilnError {
  return new KilnError("image_unknown", `${source.path} has several images; expected a choice of one.`, {
    hint: `Write \`oci:PATH#REF\` with one of: ${namesOf(all)}.`,
  });
}

function notForThisMachine(source: OciSource, found: readonly string[]): KilnError {
  return new KilnError(
    "image_unknown",
    `${source.path} has no image for linux/${hostArchitecture()}, only for ${[...new Set(found)].slice(0, 10).join(", ")}.`,
    { hint: "Copy the image for this machine's architecture." },
  );
}

/** Into the image store, uncompressed. The configuration contains the diff id, so a stored blob with that digest is the layer. */
async function importLayer(
  source: OciSource,
  layer: ForeignDescriptor,
  diffId: string,
  place: LayerPlace,
  below: readonly Layer[],
): Promise<Layer> {
  const present = blobSize(place.store, diffId);
  const bytes = present ?? (await copyLayer(source, layer, diffId, place));
  const treeOf = (blob: { digest: string; bytes: number }) =>
    layerTree(place.store, place.cache, blob, place.pace);
  const tree = await treeOf({ digest: diffId, bytes });
  checkNames(tree, source);
  if (foreignLinks(tree).length > 0) {
    const inputs = [diffId, ...below.map(({ digest }) => digest)];
    return cachedLayer(place, "base", inputs, async () =>
      withCopies(tree, await Promise.all(below.map(treeOf))),
    );
  }
  return { name: "base", digest: diffId, bytes, cached: present !== undefined };
}

function checkNames(tree: Tree, source: OciSource): void {
  for (const path of tree.keys()) {
    const long =
      path.length > longestName && path.split("/").find((name) => fileNameBytes(name).length > longestName);
    if (!long) continue;
    throw new KilnError(
      "image_invalid",
      `${source.path} has a file whose name is longer than ${longestName} bytes: /${path}`,
      { hint: "Servers cannot have such a file: build the base image without it." },
    );
  }
}

async function copyLayer(
  source: OciSource,
  layer: ForeignDescriptor,
  diffId: string,
  place: LayerPlace,
): Promise<number> {
  const content = sizedBlob(source, layer);
  const hash = createHash("sha256");
  const writer = new BlobWriter(place.store);
  try {
    await decompressed(content, hash, async (chunk) => {
      const bytes = writer.bytes + chunk.byteLength;
      if (isTooLarge(bytes, layer.size)) throw tooLarge(source, layer, bytes);
      writer.write(chunk);
      await place.pace();
    }).catch((error) => {
      throw isDecoding(error) ? damagedBlob(source, layer.digest) : error;
    });
    if (`sha256:${hash.digest("hex")}` !== layer.digest) throw damagedBlob(source, layer.digest);
    const written = writer.commit();
    if (written.digest !== diffId) throw damagedBlob(source, diffId);
    return written.bytes;
  } finally {
    writer.discard();
  }
}

/** Whether a layer that is stored in `stored` bytes unpacks to more than a layer would. */
export function isTooLarge(bytes: number, stored: number): boolean {
  return bytes > maxLayerBytes || (bytes > freeBytes && bytes > stored * maxRatio);
}

function tooLarge(source: OciSource, { digest, size }: ForeignDescriptor, bytes: number): KilnError {
  const message = `${source.path}: the layer ${digest} of ${size} bytes unpacks to ${bytes} bytes and more.`;
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
