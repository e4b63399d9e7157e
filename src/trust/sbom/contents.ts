import { layerTree } from "../../image/layers/layers.ts";
import { lookUp, mergeLayers } from "../../image/layers/tree.ts";
import { contentBytes } from "../../image/store/content.ts";
import { imageStore, readConfig, readManifest } from "../../image/store/image-store.ts";
import { annotations } from "../../image/store/oci-types.ts";
import type { TarTree } from "../../image/tar/entry.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { pacer } from "../../lib/time/pace.ts";
import { type DebianPackage, installedPackages } from "./debian-package.ts";

/** What an image consists of. It follows from the image's bytes alone: equal images have equal contents. */
export interface Contents {
  /** Of the image's manifest. */
  readonly digest: string;
  /** When the image says that it was made, in ISO 8601 without fractions; 1980 for images that Kiln has built. */
  readonly created: string;
  readonly system: System | undefined;
  readonly packages: readonly DebianPackage[];
  /** Bottom layer first. */
  readonly layers: readonly { readonly digest: string; readonly name: string }[];
}

/** The operating system, as os-release(5) names it. */
export interface System {
  /** `debian`. */
  readonly id: string;
  /** `12`; undefined for a suite that has no number yet. */
  readonly version: string | undefined;
  /** `bookworm`. */
  readonly codename: string | undefined;
}

/** A database of 50,000 packages. */
const largestStatusBytes = 64 << 20;
const largestReleaseBytes = 64 << 10;

/** Throws `image_unknown` and `image_invalid`. */
export async function contentsOf(state: StateFolder, digest: string, signal: AbortSignal): Promise<Contents> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  const pace = pacer(signal);
  const trees: TarTree[] = [];
  for (const { digest: layer, size } of manifest.layers) {
    trees.push(await layerTree(store, state.cache, { digest: layer, bytes: size }, pace));
  }
  const root = mergeLayers(trees);
  return {
    digest,
    created: secondsOf(readConfig(store, manifest).created),
    system: systemIn(textIn(root, "etc/os-release", largestReleaseBytes)),
    packages: installedPackages(statusIn(root)),
    layers: manifest.layers.map(({ digest: layer, annotations: notes }) => {
      return { digest: layer, name: notes?.[annotations.layerName] ?? "layer" };
    }),
  };
}

function secondsOf(created: string | undefined): string {
  const atMs = Date.parse(created ?? "");
  return `${new Date(Number.isNaN(atMs) ? 0 : atMs).toISOString().slice(0, 19)}Z`;
}

/** dpkg's file, and the one file for each package that distroless images have instead. */
function statusIn(root: TarTree): string {
  const apart = [...root.keys()].filter((path) =>
    /^var\/lib\/dpkg\/status\.d\/[^/]+(?<!\.md5sums)$/.test(path),
  );
  const paths = ["var/lib/dpkg/status", ...apart.sort()];
  return paths.map((path) => textIn(root, path, largestStatusBytes)).join("\n\n");
}

function textIn(root: TarTree, path: string, limit: number): string {
  const entry = lookUp(root, path);
  return entry?.content === undefined ? "" : contentBytes(entry.content, limit).toString();
}

function systemIn(release: string): System | undefined {
  const stated = (name: string) =>
    new RegExp(`^${name}=["']?([^"'\\n]+)`, "m").exec(release)?.[1]?.trim() || undefined;
  const id = stated("ID");
  return id === undefined
    ? undefined
    : { id: id.toLowerCase(), version: stated("VERSION_ID"), codename: stated("VERSION_CODENAME") };
}
