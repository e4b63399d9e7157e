import type { TarEntry, TarTree } from "../tar/entry.ts";

/** layer.md, "Whiteouts". */
const whiteoutPrefix = ".wh.";
const opaqueMarker = ".wh..wh..opq";

/** The path that a whiteout entry hides in lower layers, or undefined for other entries. */
export function whiteoutOf(
  path: string,
): { readonly kind: "opaque" | "path"; readonly path: string } | undefined {
  const folder = parentOf(path);
  const name = path.slice(folder === "" ? 0 : folder.length + 1);
  if (name === opaqueMarker) return { kind: "opaque", path: folder };
  if (!name.startsWith(whiteoutPrefix)) return undefined;
  return { kind: "path", path: joinPath(folder, name.slice(whiteoutPrefix.length)) };
}

/**
 * The root file system that the layers (bottom first) make. What a layer hides is found in one pass over what is below it: an
 * image may hide a hundred thousand paths of as many.
 */
export function mergeLayers(layers: readonly TarTree[]): Map<string, TarEntry> {
  const merged = new Map<string, TarEntry>();
  for (const layer of layers) {
    hide(merged, layer);
    for (const entry of layer.values()) if (!whiteoutOf(entry.path)) merged.set(entry.path, entry);
  }
  return merged;
}

function hide(merged: Map<string, TarEntry>, layer: TarTree): void {
  const gone = new Set<string>();
  /** Folders of which all that lies below them is hidden. */
  const emptied = new Set<string>();
  for (const { path, type } of layer.values()) {
    const whiteout = whiteoutOf(path);
    if (whiteout?.kind === "path") gone.add(whiteout.path);
    else if (whiteout) emptied.add(whiteout.path);
    else if (type !== "folder" && merged.get(path)?.type === "folder") emptied.add(path);
  }
  if (gone.size + emptied.size === 0) return;
  const isHidden = (path: string) =>
    gone.has(path) ||
    emptied.has("") ||
    parentsOf(path).some((above) => gone.has(above) || emptied.has(above));
  for (const path of merged.keys()) if (isHidden(path)) merged.delete(path);
}

/** The folder of a path; empty for the root's own children. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** The folders above a path, top first, without the root. */
export function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

/**
 * Where a path (in the form of `Entry.path`) leads once every symlink on the way, and with `last` the final one, is
 * followed. Parts that do not exist stay as they are. Undefined for a loop: 40 links, as path_resolution(7) says.
 */
export function resolvePath(
  tree: Pick<TarTree, "get">,
  path: string,
  options: { readonly last: boolean },
): string | undefined {
  const todo = path.split("/");
  let done: string[] = [];
  for (let links = 0; todo.length > 0; ) {
    const part = todo.shift() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done.pop();
      continue;
    }
    const entry = tree.get([...done, part].join("/"));
    if (entry?.type !== "symlink" || (todo.length === 0 && !options.last)) {
      done.push(part);
      continue;
    }
    if (++links > 40) return undefined;
    const target = entry.link ?? "";
    if (target.startsWith("/")) done = [];
    todo.unshift(...target.split("/"));
  }
  return done.join("/");
}

/** The entry that a path leads to through symlinks and hard links, or undefined. */
export function lookUp(tree: TarTree, path: string): TarEntry | undefined {
  const resolved = resolvePath(tree, path.replace(/^\/+/, ""), { last: true });
  const entry = resolved === undefined ? undefined : tree.get(resolved);
  return entry?.type === "hardlink" ? tree.get(entry.link ?? "") : entry;
}
