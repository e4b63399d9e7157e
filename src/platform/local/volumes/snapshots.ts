import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Snapshot, SnapshotReason } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { type ExecOptions, exec } from "../../../lib/process/exec.ts";
import { growFile } from "./disk-image.ts";
import type { VolumePlaces } from "./places.ts";
import type { VolumeRecord } from "./records.ts";
import { removeTree, removeWhole, unfinished } from "./remove-tree.ts";

const snapshotSchema = z.object({
  format: z.literal(1),
  atMs: z.number(),
  reason: z.enum(["asked", "before-rollout", "before-restore"]) satisfies z.ZodType<SnapshotReason>,
  release: z.int().optional(),
  dataVersion: z.int().optional(),
  /** Of its file system; absent for a folder. */
  sizeBytes: z.int().optional(),
  bytes: z.int(),
});

type SnapshotRecord = Readonly<z.infer<typeof snapshotSchema>>;

/** Oldest first. */
export function snapshotsOf(places: VolumePlaces): readonly Snapshot[] {
  return namesIn(places.snapshots)
    .filter((id) => !id.endsWith(unfinished))
    .map((id) => toSnapshot(id, readSnapshot(places, id)))
    .sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
}

function toSnapshot(id: string, { atMs, reason, release, dataVersion, bytes }: SnapshotRecord): Snapshot {
  return {
    ...{ id, atMs, reason, bytes },
    ...(release === undefined ? {} : { release }),
    ...(dataVersion === undefined ? {} : { dataVersion }),
  };
}

/** Throws `snapshot_unknown`. */
export function requireSnapshot(places: VolumePlaces, id: string): SnapshotRecord {
  const known = snapshotsOf(places).map((snapshot) => snapshot.id);
  if (known.includes(id)) return readSnapshot(places, id);
  throw new KilnError("snapshot_unknown", `The volume has no snapshot ${id}.`, {
    hint: known.length === 0 ? "`kiln volume snapshot` makes one." : `There are: ${known.join(", ")}.`,
  });
}

function readSnapshot({ snapshots }: VolumePlaces, id: string): SnapshotRecord {
  return snapshotSchema.parse(JSON.parse(readFileSync(join(snapshots, id, "snapshot.json"), "utf8")));
}

/**
 * Copies what the volume has in it now, whole or not at all; blocks are shared where the file system can. The caller sees to it
 * that no one writes meanwhile. Throws `disk_full`.
 */
export async function copyToSnapshot(
  places: VolumePlaces,
  volume: VolumeRecord,
  how: { readonly reason: SnapshotReason; readonly atMs: number },
): Promise<Snapshot> {
  const id = newId(how.atMs);
  const folder = join(places.snapshots, id);
  const fresh = `${folder}${unfinished}`;
  for (const name of namesIn(places.snapshots).filter((each) => each.endsWith(unfinished)))
    await removeTree(join(places.snapshots, name));
  mkdirSync(fresh, { recursive: true, mode: 0o700 });
  try {
    const { release, dataVersion, sizeBytes } = volume;
    const source = sizeBytes === undefined ? join(places.folder, "data") : places.image;
    if (existsSync(source)) await copy(source, fresh);
    const bytes = await usedBytes(fresh);
    const record: SnapshotRecord = { format: 1, ...how, release, dataVersion, sizeBytes, bytes };
    writeFileSync(join(fresh, "snapshot.json"), JSON.stringify(record), { mode: 0o600 });
    await exec(["sync", "--file-system", fresh]);
    renameSync(fresh, folder);
    return toSnapshot(id, record);
  } catch (error) {
    await removeTree(fresh);
    throw error;
  }
}

/** Removes all but the newest of those that were made before a rollout. */
export async function keepNewest(places: VolumePlaces, most: number): Promise<void> {
  const own = snapshotsOf(places).filter(({ reason }) => reason === "before-rollout");
  for (const { id } of own.slice(0, Math.max(0, own.length - most)))
    await removeWhole(join(places.snapshots, id));
}

/** Puts a copy of the snapshot in the place of the data, which no one has. What is there is gone afterwards. */
export async function copyFromSnapshot(
  places: VolumePlaces,
  id: string,
  volume: VolumeRecord,
): Promise<void> {
  const from = join(places.snapshots, id);
  if (volume.sizeBytes === undefined) {
    const fresh = join(places.folder, "data.new");
    await removeTree(fresh);
    await exec(["cp", "--archive", "--reflink=auto", join(from, "data"), fresh]);
    await exec(["sync", "--file-system", fresh]);
    return exchangeData(places, fresh);
  }
  const fresh = `${places.image}.new`;
  await exec(["cp", "--archive", "--reflink=auto", join(from, "image"), fresh]);
  await growFile(fresh, Math.max(volume.sizeBytes, statSync(fresh).size));
  await exec(["sync", fresh]);
  renameSync(fresh, places.image);
}

/** `fresh` becomes the data. A crash in between leaves `data.old`, which `recoverData` puts back. */
export async function exchangeData({ folder }: VolumePlaces, fresh: string): Promise<void> {
  const [data, old] = [join(folder, "data"), join(folder, "data.old")];
  await removeTree(old);
  if (existsSync(data)) renameSync(data, old);
  renameSync(fresh, data);
  await removeTree(old);
}

/** Puts back what a crash has left between two names. */
export function recoverData({ folder }: VolumePlaces): void {
  const [data, old] = [join(folder, "data"), join(folder, "data.old")];
  if (!existsSync(data) && existsSync(old)) renameSync(old, data);
}

/** Bytes on the disk of all that is below a folder. */
export async function usedBytes(folder: string, within: ExecOptions = {}): Promise<number> {
  const { stdout } = await exec(["du", "--summarize", "--block-size=1", folder], within);
  return Number.parseInt(stdout, 10);
}

/** What is reserved and not written is not copied. */
async function copy(source: string, folder: string): Promise<void> {
  try {
    await exec([
      "cp",
      "--archive",
      "--reflink=auto",
      "--sparse=always",
      "--target-directory",
      folder,
      source,
    ]);
  } catch (error) {
    if (!(error instanceof KilnError) || !error.message.includes("File name too long")) throw error;
    throw tooDeep(source, error);
  }
}

/** A program can make such folders one in the other (PATH_MAX of linux/limits.h), and no archive of them can be unpacked either. */
function tooDeep(source: string, cause: unknown): KilnError {
  return new KilnError("volume_invalid", `${source} has folders whose paths are longer than 4096 bytes.`, {
    permanent: true,
    hint: "Remove them: a snapshot cannot name them. One of a volume with a `size` copies its file system as it is.",
    cause,
  });
}

/** `20261129-165000-3fa`: sorts by time, and tells two of one second apart. */
function newId(atMs: number): string {
  const [day = "", time = ""] = new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  return `${day}-${time}-${randomBytes(2).toString("hex").slice(0, 3)}`;
}
