import { z } from "zod";
import { amount, atMs, base64, releaseNumber } from "../../../domain/schema/values.ts";
import type { Snapshot as SnapshotOfVolume, VolumeState } from "../../../domain/volume.ts";
import { reason, Service } from "../common.ts";

const volume = z.string().min(1).max(128);

const snapshot = z.string().min(1).max(128);

const OneVolume = Service.extend({ name: volume, reason });

const RestoreVolume = OneVolume.extend({ snapshot });

const ExportVolume = Service.extend({
  name: volume,
  snapshot: snapshot.optional().describe("Absent: the data as it is now."),
});

const ImportVolume = OneVolume.extend({
  upload: z
    .string()
    .max(64)
    .optional()
    .describe("The id from the answer to the first piece; absent in that."),
  data: base64.describe("The next piece of the archive, as base64. A body has at most 2 MiB."),
  last: z.boolean().optional().describe("Whether this is the last piece."),
});

const RemoveVolume = OneVolume.extend({
  snapshot: snapshot.optional().describe("Remove only this snapshot."),
});

const Snapshot = z.object({
  id: z.string(),
  atMs,
  reason: z
    .enum(["asked", "before-rollout", "before-restore"])
    .describe(
      "Someone asked for it, another release was about to get the volume, or its data was about to be replaced.",
    ),
  release: releaseNumber.optional().describe("The last release that had the volume by then."),
  dataVersion: releaseNumber.optional().describe("The format that this release had stated."),
  bytes: amount.describe("What it takes on the disk, less where blocks are shared."),
}) satisfies z.ZodType<SnapshotOfVolume>;

const Volumes = z.array(
  z.object({
    service: z.string(),
    name: z.string(),
    createdAtMs: atMs,
    sizeBytes: amount.optional().describe("Absent: no limit but the disk's."),
    usedBytes: amount.optional().describe("Absent: not known, because no server has it."),
    release: releaseNumber.optional().describe("The last release that had it."),
    dataVersion: releaseNumber.optional().describe("The highest format that a release with it has stated."),
    servers: z.array(z.string()).describe("Servers that have it now."),
    snapshots: z.array(Snapshot),
  }) satisfies z.ZodType<VolumeState>,
);

const Upload = z.object({ upload: z.string() });

/** What the operations are asked with. */
export const volumesAsks = { ExportVolume, ImportVolume, OneVolume, RemoveVolume, RestoreVolume };

/** What they answer. */
export const volumesAnswers = { Snapshot, Upload, Volumes };
