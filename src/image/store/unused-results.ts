import { existsSync, lstatSync } from "node:fs";
import { readdir, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { namesIn } from "../../lib/files/temporary.ts";

/** A result that no build has used for this long is made again when it is wanted: 30 days. */
const longestUnusedMs = 30 * 86_400_000;

const lockName = "lock";

/**
 * Whether the cached file or folder is there, which from now on counts as used: `removeUnused` leaves it to the build that asks. Only results
 * that take long are kept in this way: installations, Dockerfiles, templates of Packer.
 */
export async function useResult(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  return withFileLock(join(dirname(path), lockName), async () => {
    if (!existsSync(path)) return false;
    const now = new Date();
    await utimes(path, now, now);
    return true;
  });
}

/** Removes what lies in a folder of results and has not been used for `longestUnusedMs`; resolves to the size of each file. */
export async function removeUnused(folder: string, nowMs: number): Promise<readonly number[]> {
  if (!existsSync(folder)) return [];
  const sizes: number[] = [];
  await withFileLock(join(folder, lockName), async () => {
    for (const name of namesIn(folder)) {
      const path = join(folder, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (!stat || name === lockName || nowMs - stat.mtimeMs < longestUnusedMs) continue;
      sizes.push(...(stat.isDirectory() ? await sizesBelow(path) : [stat.size]));
      await rm(path, { recursive: true, force: true });
    }
  });
  return sizes;
}

async function sizesBelow(folder: string): Promise<readonly number[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0);
}
