import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";

/** A search that finds more is not meant: it began in the wrong folder. */
const most = { folders: 10_000, depth: 16 } as const;

/** Folders that programs fill with what others have written. */
const skipped = new Set(["node_modules", "vendor", "target"]);

/**
 * Every `kiln.yaml` in the folder and below, in the order of their paths. Links are not followed; folders whose names
 * begin with a dot are skipped. Throws `spec_unreadable` without a file, or when there are too many folders.
 */
export async function findSpecFiles(folder: string): Promise<readonly string[]> {
  const files: string[] = [];
  let level = [folder];
  let folders = 0;
  for (let depth = 0; level.length > 0 && depth < most.depth; depth++) {
    const next: string[] = [];
    for (const path of level) {
      folders += 1;
      if (folders > most.folders) throw tooMany(folder);
      const found = await look(path, path === folder);
      if (found.hasSpec) files.push(join(path, "kiln.yaml"));
      next.push(...found.below);
    }
    level = next;
  }
  if (files.length > 0) return files.sort();
  throw new KilnError("spec_unreadable", `There is no kiln.yaml in ${folder} or below.`, {
    hint: "Name the folder of the project: `--all FOLDER`.",
  });
}

async function look(folder: string, isFirst: boolean): Promise<{ hasSpec: boolean; below: string[] }> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const below = entries.filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith(".") && !skipped.has(entry.name),
    );
    return {
      hasSpec: entries.some((entry) => entry.name === "kiln.yaml" && entry.isFile()),
      below: below.map(({ name }) => join(folder, name)),
    };
  } catch (error) {
    const isGone = isErrno(error, "ENOENT") || isErrno(error, "EACCES");
    if (isGone && !isFirst) return { hasSpec: false, below: [] };
    throw new KilnError("spec_unreadable", `The folder ${folder} cannot be read.`, { cause: error });
  }
}

function tooMany(folder: string): KilnError {
  return new KilnError("spec_unreadable", `${folder} has more than ${most.folders} folders.`, {
    hint: "Name a smaller folder: `--all FOLDER`.",
  });
}
