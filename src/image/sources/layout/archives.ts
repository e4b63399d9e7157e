import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import { digestOf } from "../../../lib/files/sha256.ts";
import { contentBytes, contentLength } from "../../store/content.ts";
import { foreignConfig } from "../../store/oci-schema.ts";
import { annotations, hostArchitecture, mediaTypes } from "../../store/oci-types.ts";
import type { Content, TarTree } from "../../tar/entry.ts";
import { checked, jsonOf } from "../foreign-blobs.ts";

/** The files of a layout: in a folder, in an archive, or put together from an archive of another kind. */
export interface LayoutFiles {
  readonly path: string;
  file(name: string): Content | undefined;
}

interface Image {
  readonly names: readonly string[];
  readonly config: Uint8Array;
  readonly layers: readonly { readonly digest: string; readonly content: Content }[];
}

const largestConfig = 4 << 20;

/** Docker Image Specification 1.2, "Combined Image JSON + Filesystem Changeset Format". */
const savedImages = z
  .array(
    z.object({
      Config: z.string().max(4096),
      RepoTags: z.array(z.string().max(4096)).max(1000).nullish(),
      Layers: z.array(z.string().max(4096)).max(127),
    }),
  )
  .max(1000);

/**
 * An archive of `docker save` as a layout; undefined: it is not one. Its layers are named by their configuration alone, so each is checked against the digest there.
 * Throws `image_invalid`.
 */
export function dockerLayout(path: string, tree: TarTree): LayoutFiles | undefined {
  const content = tree.get("manifest.json")?.content;
  if (content === undefined) return undefined;
  const saved = checked(savedImages, path, "manifest.json", jsonOf(path, content));
  return layoutOf(
    path,
    saved.map(({ Config, RepoTags, Layers }) => {
      const config = fileOf(path, tree, Config);
      const { rootfs } = checked(foreignConfig, path, Config, jsonOf(path, config));
      if (rootfs.diff_ids.length !== Layers.length)
        throw new KilnError("image_invalid", `${path}: manifest.json and ${Config} name different layers.`);
      return {
        names: RepoTags ?? [],
        config: contentBytes(config, largestConfig),
        layers: Layers.map((name, i) => ({
          digest: rootfs.diff_ids[i] ?? "",
          content: fileOf(path, tree, name),
        })),
      };
    }),
  );
}

/** Layers that are the same are stored once, with links to them. */
function fileOf(path: string, tree: TarTree, name: string): Content {
  const entry = tree.get(name);
  const folder = name.split("/").slice(0, -1);
  const target =
    entry?.type === "symlink" ? resolved([...folder, ...(entry.link ?? "").split("/")]) : entry?.link;
  const content = entry?.content ?? tree.get(target ?? "")?.content;
  if (content !== undefined) return content;
  throw new KilnError("image_invalid", `${path} lacks the file ${name}, which its manifest.json names.`, {
    hint: "Save the image again; the archive is not complete.",
  });
}

function resolved(parts: readonly string[]): string {
  const path: string[] = [];
  for (const part of parts) {
    if (part === "..") path.pop();
    else if (part !== "." && part !== "") path.push(part);
  }
  return path.join("/");
}

/** One of these is in every root file system (Filesystem Hierarchy Standard 3.0, section 3.2). */
const rootFolders = ["bin", "etc", "lib", "opt", "sbin", "srv", "usr", "var"];

/** A tar archive of a root file system, as `docker export` and debootstrap make it, as a layout with one layer; undefined: it is not one. */
export function rootLayout(
  path: string,
  tree: TarTree,
  layer: { readonly digest: string; readonly content: Content },
): LayoutFiles | undefined {
  if (!rootFolders.some((name) => tree.has(name))) return undefined;
  const config = {
    architecture: hostArchitecture(),
    os: "linux",
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
  return layoutOf(path, [{ names: [], config: json(config), layers: [layer] }]);
}

function layoutOf(path: string, images: readonly Image[]): LayoutFiles {
  const files = new Map<string, Content>();
  const put = (mediaType: string, digest: string, content: Content) => {
    files.set(`blobs/${digest.replace(":", "/")}`, content);
    return { mediaType, digest, size: contentLength(content) };
  };
  const putBytes = (mediaType: string, bytes: Uint8Array) =>
    put(mediaType, digestOf(bytes), { kind: "bytes", bytes });
  const manifests = images.flatMap(({ names, config, layers }) => {
    const manifest = putBytes(
      mediaTypes.manifest,
      json({
        ...{ schemaVersion: 2, mediaType: mediaTypes.manifest },
        config: putBytes(mediaTypes.config, config),
        layers: layers.map(({ digest, content }) => put(mediaTypes.layer, digest, content)),
      }),
    );
    const named = names.map((name) => ({ ...manifest, annotations: { [annotations.refName]: name } }));
    return named.length > 0 ? named : [manifest];
  });
  files.set("oci-layout", { kind: "bytes", bytes: json({ imageLayoutVersion: "1.0.0" }) });
  files.set("index.json", { kind: "bytes", bytes: json({ schemaVersion: 2, manifests }) });
  return { path, file: (name) => files.get(name) };
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
