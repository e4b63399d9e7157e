import { joinPath, parentsOf, resolvePath } from "../../layers/tree.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { PathRecipe } from "../setup/recipe.ts";
import type { PackageAccounts } from "../setup/users.ts";

/** An image's tree while it is made. */
export interface PackageDraft {
  readonly tree: Map<string, TarEntry>;
  /** The time of files that come from no package: the newest time in the packages, so that it depends only on the lock. */
  readonly mtime: number;
  readonly accounts: PackageAccounts;
}

const maxFile = 16 << 20;

interface Owner {
  readonly mode: number;
  readonly owner?: string;
}

/** A file with this content; replaces an existing one. */
export function putFile(
  draft: PackageDraft,
  path: string,
  content: string | Uint8Array,
  { mode, owner }: Owner,
): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const base = { path, type: "file", mode, mtime: draft.mtime, ...ids(draft, owner) } as const;
  draft.tree.set(path, { ...base, content: { kind: "bytes", bytes } });
}

export function putFolder(draft: PackageDraft, path: string, { mode, owner }: Owner): void {
  const mtime = draft.tree.get(path)?.mtime ?? draft.mtime;
  draft.tree.set(path, { path, type: "folder", mode, mtime, ...ids(draft, owner) });
}

export function putLink(draft: PackageDraft, path: string, link: string): void {
  draft.tree.set(path, { path, type: "symlink", mode: 0o777, uid: 0, gid: 0, mtime: draft.mtime, link });
}

/** The numbers of `user:group`; either may be a number already. */
export function ids(draft: PackageDraft, owner = "root:root"): { uid: number; gid: number } {
  const [user = "root", group = user] = owner.split(":");
  const number = (name: string, known: ReadonlyMap<string, number>) =>
    /^\d+$/.test(name) ? Number(name) : (known.get(name) ?? 0);
  return { uid: number(user, draft.accounts.uids), gid: number(group, draft.accounts.gids) };
}

/** The bytes of a file of the image, or undefined. For small files. */
export function readEntry(tree: ReadonlyMap<string, TarEntry>, path: string): Buffer | undefined {
  const content = tree.get(resolvePath(tree, path, { last: true }) ?? "")?.content;
  return content ? contentBytes(content, maxFile) : undefined;
}

/** Applies one line of a recipe. */
export function applyPath(draft: PackageDraft, recipe: PathRecipe): void {
  const { kind, path } = recipe;
  const there = draft.tree.get(path);
  if (kind === "folder") putFolder(draft, path, { mode: 0o755, ...recipe });
  else if (kind === "link-each") linkEach(draft, recipe);
  else if (kind === "owner") {
    if (there) draft.tree.set(path, { ...there, mode: recipe.mode, ...ids(draft, recipe.owner) });
  } else if (there) return;
  else if (kind === "file") putFile(draft, path, recipe.text, { mode: 0o644, ...recipe });
  else if (kind === "link") putLink(draft, path, recipe.to);
  else copyFile(draft, recipe);
}

function copyFile(
  draft: PackageDraft,
  { path, from, mode, owner }: Extract<PathRecipe, { kind: "copy" }>,
): void {
  const source = draft.tree.get(from);
  if (source) draft.tree.set(path, { ...source, path, mode: mode ?? source.mode, ...ids(draft, owner) });
}

function linkEach(draft: PackageDraft, { path, pattern }: Extract<PathRecipe, { kind: "link-each" }>): void {
  for (const target of [...draft.tree.keys()].filter((one) => pattern.test(one)).sort()) {
    const link = joinPath(path, target.slice(target.lastIndexOf("/") + 1));
    if (!draft.tree.has(link)) putLink(draft, link, `/${target}`);
  }
}

/** Every parent of every path, created if no package contains it; in order of the paths, so that equal trees are equal. */
export function completed(draft: PackageDraft): Map<string, TarEntry> {
  for (const path of [...draft.tree.keys()]) {
    for (const parent of parentsOf(path)) {
      if (!draft.tree.has(parent)) putFolder(draft, parent, { mode: 0o755 });
    }
  }
  return new Map([...draft.tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}
