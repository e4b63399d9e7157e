import { KilnError } from "../../lib/errors.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { imageEpoch } from "./files-layer.ts";
import { parentsOf, whiteoutOf } from "./tree.ts";

/**
 * An OCI layer as overlayfs wants it: whiteouts become character devices 0:0, opaque folders carry
 * `trusted.overlay.opaque` (kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories"); every
 * parent is there, and the root itself, as `.`. Overlayfs's own attributes in a layer are dropped: a layer of unknown
 * origin must not steer the mount. Throws `image_invalid` for what cannot be one folder tree.
 */
export function overlayTree(layer: TarTree): Map<string, TarEntry> {
  const tree = new Map<string, TarEntry>([[".", folder(".")]]);
  for (const entry of layer.values()) {
    if (!whiteoutOf(entry.path)) tree.set(entry.path, withoutOverlayXattrs(entry));
  }
  for (const entry of layer.values()) addWhiteout(tree, entry);
  for (const entry of [...tree.values()]) addParents(tree, entry.path);
  for (const entry of tree.values()) checkHardlink(tree, entry);
  return tree;
}

function folder(path: string): TarEntry {
  return { path, type: "folder", mode: 0o755, uid: 0, gid: 0, mtime: imageEpoch };
}

function withoutOverlayXattrs({ xattrs, ...entry }: TarEntry): TarEntry {
  if (xattrs === undefined) return entry;
  const kept = Object.entries(xattrs).filter(([name]) => !/^(trusted|user)\.overlay\./.test(name));
  return { ...entry, xattrs: Object.fromEntries(kept) };
}

function addWhiteout(tree: Map<string, TarEntry>, entry: TarEntry): void {
  const whiteout = whiteoutOf(entry.path);
  if (!whiteout) return;
  const path = whiteout.path || ".";
  const present = tree.get(path);
  if (whiteout.kind === "opaque" || present?.type === "folder") {
    tree.set(path, opaque(present?.type === "folder" ? present : folder(path)));
  } else if (!present) {
    const device = { major: 0, minor: 0 };
    tree.set(path, { path, type: "char", mode: 0, uid: 0, gid: 0, mtime: imageEpoch, device });
  }
}

function opaque(entry: TarEntry): TarEntry {
  return { ...entry, xattrs: { ...entry.xattrs, "trusted.overlay.opaque": Buffer.from("y") } };
}

function addParents(tree: Map<string, TarEntry>, path: string): void {
  for (const parent of parentsOf(path)) {
    const present = tree.get(parent);
    if (present === undefined) tree.set(parent, folder(parent));
    else if (present.type !== "folder") {
      throw new KilnError(
        "image_invalid",
        `A layer has "${path}" below "${parent}", which is a ${present.type}.`,
      );
    }
  }
}

function checkHardlink(tree: TarTree, entry: TarEntry): void {
  if (entry.type !== "hardlink" || tree.get(entry.link ?? "")?.type === "file") return;
  throw new KilnError(
    "image_invalid",
    `The hard link "${entry.path}" leads to "${entry.link}", which is not a file of its layer.`,
  );
}
