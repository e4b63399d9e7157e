import { lstatSync } from "node:fs";
import { join } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { type InputIndex, unreadable } from "../layers/input-index.ts";
import { layerIndexPath, loadLayerIndex, saveLayerIndex } from "../layers/layer-index.ts";
import type { LayerPlace } from "../layers/layers.ts";
import { contentBytes, contentLength } from "../store/content.ts";
import type { Content } from "../tar/entry.ts";
import { readTar } from "../tar/tar-reader.ts";

/** Manifests, indexes and configurations are small; a registry would refuse larger ones. */
const maxJsonBytes = 4 << 20;

/** An OCI image layout (image-layout.md) from another tool: a folder or a tar archive of one. */
export interface OciSource {
  readonly path: string;
  file(name: string): Content | undefined;
}

/** Throws `file_missing`, `file_unreadable`, `image_invalid`. */
export async function openOciSource(path: string, place: LayerPlace, index: InputIndex): Promise<OciSource> {
  const stat = statOf(path);
  const source = stat.isDirectory() ? folderSource(path) : await archiveSource(path, place, index);
  if (source.file("oci-layout") && source.file("index.json")) return source;
  throw source.file("manifest.json") ? dockerArchive(path) : noLayout(path);
}

function statOf(path: string) {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw unreadable(path, error);
    throw new KilnError("file_missing", `The image ${path}, which \`from\` names, does not exist.`, {
      hint: "Paths are relative to the folder of kiln.yaml.",
    });
  }
}

function folderSource(folder: string): OciSource {
  return {
    path: folder,
    file(name) {
      const path = join(folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat?.isFile() ? { kind: "slice", path, offset: 0, length: stat.size } : undefined;
    },
  };
}

/** The list of an archive's content is cached by the archive's digest, so that it is read once. */
async function archiveSource(path: string, place: LayerPlace, index: InputIndex): Promise<OciSource> {
  const stat = statOf(path);
  if (!stat.isFile()) throw noLayout(path);
  const digest = `sha256:${await index.digest(path, stat, place.nowMs, place.pace)}`;
  const kept = layerIndexPath(place.cache, digest);
  const known = loadLayerIndex(kept, path);
  const tree = known ?? (await readTar({ path, offset: 0, length: Number(stat.size) }, place.pace));
  if (!known) await saveLayerIndex(kept, tree);
  return { path, file: (name) => tree.get(name)?.content };
}

function dockerArchive(path: string): KilnError {
  return new KilnError(
    "image_invalid",
    `${path} is an archive of \`docker save\`, not an OCI image layout.`,
    {
      hint: `Convert it: skopeo copy docker-archive:${path} oci-archive:${path}.oci`,
    },
  );
}

function noLayout(path: string): KilnError {
  return new KilnError("image_invalid", `${path} is neither an OCI image layout nor a tar archive of one.`, {
    hint: "A layout has the files oci-layout and index.json; `skopeo copy docker://IMAGE oci:PATH` creates one.",
  });
}

function blobOf(source: OciSource, digest: string): Content {
  const content = source.file(`blobs/sha256/${digest.slice("sha256:".length)}`);
  if (content) return content;
  throw new KilnError("image_invalid", `${source.path} lacks the blob ${digest}.`, {
    hint: "Copy the image again; the copy is not complete.",
  });
}

/** A small JSON file of the source. */
export function jsonOf(source: OciSource, content: Content, digest?: string): unknown {
  const bytes = contentBytes(content, maxJsonBytes);
  if (digest !== undefined && digestOf(bytes) !== digest) throw damagedBlob(source, digest);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new KilnError("image_invalid", `${source.path}: ${digest ?? "index.json"} is not valid JSON.`, {
      cause,
    });
  }
}

/** A blob with the size that its descriptor states. */
export function sizedBlob(source: OciSource, { digest, size }: { digest: string; size: number }): Content {
  const content = blobOf(source, digest);
  if (contentLength(content) !== size) throw damagedBlob(source, digest);
  return content;
}

export function damagedBlob(source: OciSource, digest: string): KilnError {
  return new KilnError(
    "image_invalid",
    `${source.path}: the bytes of the blob ${digest} do not match its digest.`,
    {
      hint: "Copy the image again; this copy is damaged.",
    },
  );
}
