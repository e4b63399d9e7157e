import type { Tree } from "../entry.ts";
import { readEntry } from "./draft.ts";
import { currentPath } from "./layout.ts";

/**
 * Library folders that a package adds to the loader's search path through `/etc/ld.so.conf.d` (ldconfig(8)) and that
 * have libraries in this tree. A slim image has no cache of ldconfig, so the loader would not look there.
 */
export function addedLibraryFolders(tree: Tree): readonly string[] {
  return [...tree.keys()]
    .filter((path) => /^etc\/ld\.so\.conf\.d\/[^/]+\.conf$/.test(path))
    .flatMap((path) => readEntry(tree, path)?.toString().split("\n") ?? [])
    .map((line) => line.trim())
    .filter((line) => line.startsWith("/") && !isSearched(line) && hasLibraries(tree, line));
}

/** ld.so(8): the loader searches /lib and /usr/lib itself, and on Debian their folders of the architecture. */
function isSearched(folder: string): boolean {
  return /^\/(usr\/)?lib(\/[a-z0-9_]+-linux-[a-z0-9]+)?\/?$/.test(folder);
}

function hasLibraries(tree: Tree, folder: string): boolean {
  const prefix = `${currentPath(folder.slice(1).replace(/\/+$/, ""))}/`;
  return [...tree.keys()].some((path) => path.startsWith(prefix) && /\.so(\.|$)/.test(path));
}
