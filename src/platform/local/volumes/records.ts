import { mkdirSync, readFileSync } from "node:fs";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { writeFileAtomic } from "../../../lib/files/files.ts";
import type { VolumePlaces } from "./places.ts";

const recordSchema = z.object({
  format: z.literal(1),
  createdAtMs: z.number(),
  /** Of its file system; absent for a folder of the machine's. */
  sizeBytes: z.int().optional(),
  /** Whom all that is in it belongs to, once `owned`: a crash may come while that is being changed. */
  owner: z.object({ uid: z.int(), gid: z.int() }),
  owned: z.boolean(),
  /** The last release that a server had it of. Absent: none had it yet. */
  release: z.int().optional(),
  /** The highest that a release which had it has stated. */
  dataVersion: z.int().optional(),
  /** The last rollout whose snapshot was put in place. */
  restoredBy: z.int().optional(),
});

/** What the host remembers of a volume, next to its data. */
export type VolumeRecord = Readonly<z.infer<typeof recordSchema>>;

/** Undefined when there is no such volume. Throws `state_corrupt`. */
export function readVolume({ record: path }: VolumePlaces): VolumeRecord | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw error;
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new KilnError("state_corrupt", `The record of a volume cannot be read: ${path}`, {
      hint: "It was changed by hand or written by a newer Kiln. The data next to it is untouched: restore the record.",
      cause,
    });
  }
}

/** Has reached the disk when it resolves: unlike a server, a volume outlasts the machine's restart. */
export async function writeVolume(places: VolumePlaces, record: VolumeRecord): Promise<void> {
  mkdirSync(places.folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(places.record, JSON.stringify(record));
}
