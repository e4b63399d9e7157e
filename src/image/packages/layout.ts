import { posix } from "node:path";
import type { TarEntry, TarTree } from "../tar/entry.ts";

/**
 * Old paths and their present ones: the merged /usr (Debian's "UsrMerge") and /run (FHS 3.0 section 5.13). Packages
 * may still bring files under the old names.
 */
const aliases: readonly (readonly [string, string])[] = [
  ["bin", "usr/bin"],
  ["sbin", "usr/sbin"],
  ["lib", "usr/lib"],
  ["lib32", "usr/lib32"],
  ["lib64", "usr/lib64"],
  ["libx32", "usr/libx32"],
  ["var/run", "run"],
  ["var/lock", "run/lock"],
];

/** Links that every image has, with or without a target. */
export const layoutLinks: readonly { readonly path: string; readonly link: string }[] = [
  { path: "bin", link: "usr/bin" },
  { path: "sbin", link: "usr/sbin" },
  { path: "lib", link: "usr/lib" },
  { path: "var/run", link: "/run" },
  { path: "var/lock", link: "/run/lock" },
];

/** The links for further library folders: only if the target exists. */
export function libraryLinks(tree: TarTree): readonly { readonly path: string; readonly link: string }[] {
  return ["lib32", "lib64", "libx32"]
    .filter((name) => tree.has(`usr/${name}`))
    .map((name) => ({ path: name, link: `usr/${name}` }));
}

/** A path in today's layout. */
export function currentPath(path: string): string {
  const alias = aliases.find(([old]) => path === old || path.startsWith(`${old}/`));
  return alias ? `${alias[1]}${path.slice(alias[0].length)}` : path;
}

/** Whole folders that no server reads. */
const droppedFolders =
  /^usr\/share\/(man|info|locale|lintian|bug|doc-base|groff|linda|menu|bash-completion|zsh|fish|gnome|help)\/./;

/** Documentation is removed, except copyright files and links to them. */
function isDropped(entry: TarEntry): boolean {
  if (entry.path.startsWith("usr/share/doc/")) {
    const [, , , , ...below] = entry.path.split("/");
    return entry.type !== "folder" && below.length > 0 && below.join("/") !== "copyright";
  }
  return droppedFolders.test(entry.path);
}

/** A package's paths as a slim image has them: moved to today's layout, documentation dropped. */
export function slimTree(tree: TarTree): TarTree {
  const kept = new Map<string, TarEntry>();
  for (const entry of tree.values()) {
    if (isDropped(entry)) continue;
    const moved = move(entry, tree);
    if (moved) kept.set(moved.path, moved);
  }
  return withoutEmptyDocs(kept);
}

/** A tree in today's layout, without documentation. */
export function withoutDocumentation(tree: TarTree): TarTree {
  const kept = [...tree.values()].filter((entry) => !isDropped(entry));
  return withoutEmptyDocs(
    new Map(kept.map((entry) => [entry.path, entry.type === "hardlink" ? withTarget(entry, tree) : entry])),
  );
}

function move(entry: TarEntry, tree: TarTree): TarEntry | undefined {
  const path = currentPath(entry.path);
  // the folder `bin` itself becomes `usr/bin`, which the package may also bring
  if (entry.type === "folder" && path !== entry.path && tree.has(path)) return undefined;
  if (entry.type === "hardlink") return { ...withTarget(entry, tree), path };
  if (entry.type === "symlink" && path === currentTarget(entry)) return undefined;
  return { ...entry, path };
}

/** A hard link whose target is not in the image becomes the file itself. */
function withTarget(entry: TarEntry, tree: TarTree): TarEntry {
  const target = tree.get(entry.link ?? "");
  if (target && isDropped(target)) return { ...target, path: entry.path };
  return { ...entry, link: currentPath(entry.link ?? "") };
}

function currentTarget(entry: TarEntry): string {
  const link = entry.link ?? "";
  const absolute = link.startsWith("/") ? link : `/${posix.dirname(entry.path)}/${link}`;
  return currentPath(posix.normalize(absolute).slice(1));
}

function withoutEmptyDocs(tree: Map<string, TarEntry>): TarTree {
  const used = new Set<string>();
  // children come after their folder in this order, so backwards each folder is seen when its children are settled
  for (const path of [...tree.keys()].sort().reverse()) {
    const isEmpty = tree.get(path)?.type === "folder" && !used.has(path);
    if (isEmpty && path.startsWith("usr/share/doc/")) tree.delete(path);
    else used.add(posix.dirname(path));
  }
  return tree;
}
