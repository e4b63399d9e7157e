import { KilnError } from "../../lib/errors.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import type { CheckedEntry } from "./layers.ts";
import { lookUp, mergeLayers, whiteoutOf } from "./tree.ts";

/** Hard links of a layer to files of lower layers: such a layer cannot be unpacked alone. */
export function foreignLinks(layer: TarTree): readonly TarEntry[] {
  return [...layer.values()].filter(
    ({ type, path, link }) => type === "hardlink" && !whiteoutOf(path) && !isFile(layer.get(link ?? "")),
  );
}

/**
 * The layer with copies in place of such links, as Docker unpacks them. Throws `image_invalid` with a link whose file
 * does not exist.
 */
export function withCopies(layer: TarTree, below: readonly TarTree[]): Map<string, CheckedEntry> {
  const root = mergeLayers(below);
  const copied = new Map<string, CheckedEntry>(layer);
  for (const { path, link } of foreignLinks(layer)) {
    const target = lookUp(root, link ?? "");
    if (target?.type !== "file") {
      throw new KilnError(
        "image_invalid",
        `The hard link "${path}" of a base layer leads to "${link}", which is not a file of the image.`,
        { hint: "Build the base image again." },
      );
    }
    copied.set(path, { ...target, path });
  }
  return copied;
}

function isFile(entry: TarEntry | undefined): boolean {
  return entry?.type === "file";
}
