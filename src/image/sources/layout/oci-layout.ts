import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { ImageBase } from "../../../domain/spec/image-spec.ts";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { type InputIndex, unreadable } from "../../layers/input-index.ts";
import { layerIndexPath, loadLayerIndex, saveLayerIndex } from "../../layers/layer-index.ts";
import type { LayerPlace } from "../../layers/layers.ts";
import { contentLength, contentRange } from "../../store/content.ts";
import { type ForeignDescriptor, foreignIndex } from "../../store/oci-schema.ts";
import { annotations } from "../../store/oci-types.ts";
import type { Content } from "../../tar/entry.ts";
import { readTar } from "../../tar/tar-reader.ts";
import { allForThisMachine, chooseForThisMachine, namesOf } from "../choose.ts";
import { foreignBase } from "../foreign-base.ts";
import { checked, damagedBlob, type ForeignBlobs, jsonOf } from "../foreign-blobs.ts";
import type { Base, OpenCall } from "../source.ts";
import { dockerLayout, type LayoutFiles, rootLayout } from "./archives.ts";

type OciBase = Extract<ImageBase, { kind: "oci" }>;

/**
 * The image of an OCI image layout (image-layout.md) that another tool wrote: a folder or a tar archive of one. An archive of `docker save`, or of a
 * root file system, is read as if it were one. Throws
 * `file_missing`, `file_unreadable`, `image_unknown` (no image of that name, or none for this machine), `image_invalid`.
 */
export async function openOciLayout(
  { path, ref }: OciBase,
  { place, index }: OpenCall,
  done?: ForeignBlobs["done"],
): Promise<Base> {
  const files = await openLayout(path, place, index);
  const blobs: ForeignBlobs = {
    name: path,
    choice: "oci:PATH#REF",
    open: async (wanted) => sizedBlob(files, wanted),
    ...(done ? { done } : {}),
  };
  return foreignBase(blobs, await chooseNamed(files, blobs, ref));
}

/** The manifest that `ref` (a name or a digest) picks, or the only one; indexes lead to the one for this machine. */
async function chooseNamed(
  files: LayoutFiles,
  blobs: ForeignBlobs,
  ref: string | undefined,
): Promise<ForeignDescriptor> {
  const content = files.file("index.json");
  const { manifests } = checked(
    foreignIndex,
    files.path,
    "index.json",
    content && jsonOf(files.path, content),
  );
  const named = manifests.filter(
    ({ digest, annotations: notes }) =>
      ref === undefined || digest === ref || notes?.[annotations.refName] === ref,
  );
  if (named.length > 0) return chooseForThisMachine(blobs, named);
  const below = (await allForThisMachine(blobs, manifests)).find(({ digest }) => digest === ref);
  if (below === undefined) throw noSuchImage(files.path, ref, manifests);
  return below;
}

function noSuchImage(path: string, ref: string | undefined, all: readonly ForeignDescriptor[]): KilnError {
  const what = ref === undefined ? "no image" : `no image "${ref}"`;
  return new KilnError("image_unknown", `${path} has ${what}.`, {
    ...(all.length > 0 ? { hint: `It has: ${namesOf(all)}.` } : {}),
  });
}

async function openLayout(path: string, place: LayerPlace, index: InputIndex): Promise<LayoutFiles> {
  const stat = statOf(path);
  const source = stat.isDirectory() ? folderSource(path) : await archiveSource(path, place, index);
  if (source.file("oci-layout") && source.file("index.json")) return source;
  throw noLayout(path);
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

function folderSource(folder: string): LayoutFiles {
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
async function archiveSource(path: string, place: LayerPlace, index: InputIndex): Promise<LayoutFiles> {
  const stat = statOf(path);
  if (!stat.isFile()) throw noLayout(path);
  const digest = `sha256:${await index.digest(path, stat, place.nowMs, place.pace)}`;
  const kept = layerIndexPath(place.cache, digest);
  const known = loadLayerIndex(kept, path);
  const whole = { kind: "slice", path, offset: 0, length: Number(stat.size) } as const;
  if (contentRange(whole, 0, 2).toString("hex") === "1f8b")
    throw new KilnError("image_invalid", `${path} is compressed; expected a tar archive.`, {
      hint: "Unpack it: `gunzip`. Compressed layers within it are fine.",
    });
  const tree = known ?? (await readTar(whole, place.pace));
  if (!known) await saveLayerIndex(kept, tree);
  const file = (name: string) => tree.get(name)?.content;
  if (file("index.json")) return { path, file };
  return dockerLayout(path, tree) ?? rootLayout(path, tree, { digest, content: whole }) ?? { path, file };
}

function noLayout(path: string): KilnError {
  return new KilnError(
    "image_invalid",
    `${path} is neither an OCI image layout, nor a tar archive of one, of \`docker save\`, or of a root file system.`,
    {
      hint: "A layout has the files oci-layout and index.json; `skopeo copy docker://IMAGE oci:PATH` creates one.",
    },
  );
}

function sizedBlob(files: LayoutFiles, { digest, size }: ForeignDescriptor): Content {
  const content = files.file(`blobs/sha256/${digest.slice("sha256:".length)}`);
  if (content === undefined) {
    throw new KilnError("image_invalid", `${files.path} lacks the blob ${digest}.`, {
      hint: "Copy the image again; the copy is not complete.",
    });
  }
  if (contentLength(content) !== size) throw damagedBlob(files.path, digest);
  return content;
}
