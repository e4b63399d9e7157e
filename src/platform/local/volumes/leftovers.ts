import { randomUUID } from "node:crypto";
import { existsSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { toKilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import type { HostContext } from "../context.ts";
import { volumeId, volumePlaces, volumesThere } from "./places.ts";
import { removeTree, unfinished } from "./remove-tree.ts";
import { recoverData } from "./snapshots.ts";

/**
 * Removes what a killed controller has left of imports, exports, restores and removals of volumes. That may take minutes, so
 * no one has to wait for it: it gets names of its own first. What cannot be removed is logged, and left for the next start.
 */
export async function sweepLeftovers(host: HostContext): Promise<void> {
  const { volumes } = host.paths;
  const removed = namesIn(volumes).flatMap((service) => unfinishedIn(join(volumes, service)));
  for (const path of removed) await remove(host, path);
  for (const key of volumesThere(host.paths)) {
    const places = volumePlaces(host.paths, key);
    const id = volumeId(key);
    if (host.volumeTurns.isTaken(id)) continue; // someone works there already, and needs what is there
    const left = await host.volumeTurns.take(id, async () => {
      recoverData(places);
      const old = join(places.folder, "data.old");
      const all = [...unfinishedIn(places.folder), ...unfinishedIn(places.snapshots)];
      return [...all, ...(existsSync(old) ? [old] : [])].map(setAside);
    });
    for (const path of left) await remove(host, path);
  }
}

function unfinishedIn(folder: string): readonly string[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return namesIn(folder)
    .filter((name) => name.endsWith(unfinished))
    .map((name) => join(folder, name));
}

function setAside(path: string): string {
  const aside = join(dirname(path), `${randomUUID()}${unfinished}`);
  renameSync(path, aside);
  return aside;
}

async function remove({ log }: HostContext, path: string): Promise<void> {
  try {
    await removeTree(path);
  } catch (error) {
    log.warn({ path, error: toKilnError(error).message }, "a leftover of a volume could not be removed");
  }
}
