import { createReadStream } from "node:fs";
import type { Content, TarEntry, TarTree } from "../tar/entry.ts";
import { tarParts } from "../tar/tar-writer.ts";
import { blobPath, blobSize, type ImageStore, readManifest } from "./image-store.ts";
import { mediaTypes } from "./oci-types.ts";

/**
 * One tar archive that is two things: an OCI image layout (image-layout.md), and what `docker save` writes (`manifest.json`:
 * Docker Image Specification 1.2, "Combined Image JSON + Filesystem Changeset Format"). Engines with graph drivers read the
 * second, those on containerd's store the first. `name` is shown by `docker images`: `kiln:1.2`. Throws `image_unknown`,
 * `image_invalid`; a blob that was removed meanwhile fails the reading.
 */
export async function* imageArchive(
  store: ImageStore,
  digest: string,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (const { content } of tarParts(archiveTree(store, digest, name))) yield* chunksOf(content, signal);
}

function archiveTree(store: ImageStore, digest: string, name: string): TarTree {
  const { config, layers, mediaType } = readManifest(store, digest);
  const size = blobSize(store, digest) ?? 0;
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [{ mediaType, digest, size }] };
  const [Config, Layers] = [pathOf(config.digest), layers.map((layer) => pathOf(layer.digest))];
  const entries = [
    folder("blobs"),
    folder("blobs/sha256"),
    ...[{ digest, size }, config, ...layers].map((blob) =>
      file(pathOf(blob.digest), blobContent(store, blob)),
    ),
    file("index.json", json(index)),
    file("manifest.json", json([{ Config, RepoTags: [name], Layers }])),
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
  ];
  return new Map(entries.map((entry) => [entry.path, entry]));
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

const owned = { uid: 0, gid: 0, mtime: 0 };

function folder(path: string): TarEntry {
  return { path, type: "folder", mode: 0o755, ...owned };
}

function file(path: string, content: Content): TarEntry {
  return { path, type: "file", mode: 0o644, ...owned, content };
}

function json(value: unknown): Content {
  return { kind: "bytes", bytes: Buffer.from(JSON.stringify(value)) };
}

function blobContent(
  store: ImageStore,
  { digest, size }: { readonly digest: string; readonly size: number },
): Content {
  return { kind: "slice", path: blobPath(store, digest), offset: 0, length: size };
}

async function* chunksOf(content: Content, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  if (content.kind === "bytes") {
    yield content.bytes;
    return;
  }
  if (content.length === 0) return;
  const end = content.offset + content.length - 1;
  yield* createReadStream(content.path, { start: content.offset, end, highWaterMark: 1 << 20, signal });
}
