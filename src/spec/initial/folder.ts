import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** The regular files and folders directly in a folder, without hidden ones and links. */
export interface FolderView {
  readonly path: string;
  readonly files: ReadonlySet<string>;
  readonly folders: ReadonlySet<string>;
  /** Every existing name, of any kind. */
  readonly taken: ReadonlySet<string>;
}

export async function viewFolder(path: string): Promise<FolderView> {
  const entries = await readdir(path, { withFileTypes: true });
  const named = entries.filter(({ name }) => !name.startsWith(".") && !/\p{Cc}|\uFFFD/u.test(name));
  const names = (kept: typeof entries) => new Set(kept.map((entry) => entry.name).sort());
  return {
    path,
    files: names(named.filter((entry) => entry.isFile())),
    folders: names(named.filter((entry) => entry.isDirectory())),
    taken: names(entries),
  };
}

/** The text of a file in the folder, or undefined when it is missing or unreadable. */
export async function readIn(folder: FolderView, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder.path, name), "utf8");
  } catch {
    return undefined; // a guess about a folder must not fail on an unreadable file
  }
}

/** The first of these names that does not exist. */
export function freeName(folder: FolderView, ...names: readonly [string, ...string[]]): string {
  return names.find((name) => !folder.taken.has(name)) ?? names[0];
}
