import { KilnError } from "../../lib/errors.ts";
import { parentOf, resolvePath } from "../layers/tree.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { relationNames } from "./archive/control.ts";
import type { Unpacked } from "./archive/unpack.ts";

interface Owned {
  readonly entry: TarEntry;
  readonly by: Unpacked;
}

/**
 * All packages in one tree. Two packages may contain the same folder, and the same file with the same content; otherwise
 * one of them must replace the other (Debian Policy section 7.6.1), or it is a `package_conflict`.
 */
export function mergePackages(packages: readonly Unpacked[]): Map<string, TarEntry> {
  const merged = new Map<string, Owned>();
  for (const by of [...packages].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const entry of by.tree.values()) {
      const there = merged.get(entry.path);
      merged.set(entry.path, there ? choose(there, { entry, by }) : { entry, by });
    }
  }
  return followLinks(new Map([...merged].map(([path, { entry }]) => [path, entry])));
}

function choose(there: Owned, here: Owned): Owned {
  if (there.entry.type === "folder" && here.entry.type === "folder") return there;
  if (isSame(there, here)) return there;
  if (replaces(here.by, there.by)) return here;
  if (replaces(there.by, here.by)) return there;
  throw new KilnError(
    "package_conflict",
    `The packages ${there.by.name} and ${here.by.name} both contain /${here.entry.path}, with different content.`,
    { hint: "Use only one of them, or build the service from an OCI image made with Debian's installer." },
  );
}

function isSame(a: Owned, b: Owned): boolean {
  if (a.entry.type !== b.entry.type) return false;
  if (a.entry.type === "symlink") return a.entry.link === b.entry.link;
  const digest = digestOf(a);
  return a.entry.type === "file" && digest !== undefined && digest === digestOf(b);
}

/** MD5 as the package's `md5sums` names it (dh_md5sums(1)); enough to tell two honest packages' files apart. */
function digestOf({ entry, by }: Owned): string | undefined {
  const line = by.members
    .get("md5sums")
    ?.split("\n")
    .find((text) => text.slice(34) === entry.path);
  return line?.slice(0, 32);
}

function replaces(one: Unpacked, other: Unpacked): boolean {
  return relationNames(one.control.get("replaces")).includes(other.name);
}

/** Entries below a symlink of another package go to the target of the link. */
function followLinks(tree: Map<string, TarEntry>): Map<string, TarEntry> {
  for (const entry of [...tree.values()]) {
    const parent = parentOf(entry.path);
    if (parent === "" || isFolder(tree, parent)) continue;
    const path = resolvePath(tree, entry.path, { last: false });
    if (path === undefined || path === entry.path) continue;
    tree.delete(entry.path);
    if (!tree.has(path)) tree.set(path, { ...entry, path });
  }
  return tree;
}

function isFolder(tree: TarTree, path: string): boolean {
  return tree.get(path)?.type === "folder";
}
