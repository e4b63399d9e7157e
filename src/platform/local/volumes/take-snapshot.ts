import type { ServerId } from "../../../domain/ids.ts";
import type { Snapshot, SnapshotReason, VolumeKey } from "../../../domain/volume.ts";
import type { HostContext } from "../context.ts";
import { serversWith } from "./claims.ts";
import { mountImage, staysOpen, unmountImage } from "./disk-image.ts";
import { whilePaused } from "./pause.ts";
import type { VolumePlaces } from "./places.ts";
import { type VolumeRecord, writeVolume } from "./records.ts";
import { copyFromSnapshot, copyToSnapshot, requireSnapshot } from "./snapshots.ts";

/** A volume that is there. Its turn is the caller's. */
export interface Volume {
  readonly key: VolumeKey;
  readonly places: VolumePlaces;
  readonly record: VolumeRecord;
}

/** Servers that have the volume stand still meanwhile, but for the one that is about to get it. */
export async function takeSnapshot(
  host: HostContext,
  { key, places, record }: Volume,
  reason: SnapshotReason,
  next?: ServerId,
): Promise<Snapshot> {
  const servers = serversWith(host, key).filter((id) => id !== next);
  const atMs = host.clock.now();
  const copy = () =>
    whilePaused(host, places, servers, () => copyToSnapshot(places, record, { reason, atMs }));
  if (servers.length > 0) return copy();
  // What is written reaches the image with that; where something has it open all the same, when it is paused.
  await unmountImage(places);
  if (record.sizeBytes === undefined || !(await staysOpen(places, host.clock))) return copy();
  await mountImage(places, record.sizeBytes);
  return copy().finally(() => unmountImage(places));
}

/**
 * What is replaced stays as a snapshot; `after` says whose data there is then. Who owned what comes is not known: the next
 * server's user gets it.
 */
export async function replaceData(
  host: HostContext,
  volume: Volume,
  work: () => Promise<void>,
  { after = volume.record, next }: { readonly after?: VolumeRecord; readonly next?: ServerId } = {},
): Promise<VolumeRecord> {
  await takeSnapshot(host, volume, "before-restore", next);
  // Before as well: what a crash leaves in its place may belong to anyone.
  await writeVolume(volume.places, { ...volume.record, owned: false });
  await work();
  const record = { ...after, owned: false };
  await writeVolume(volume.places, record);
  return record;
}

/** Throws `snapshot_unknown`. `by`: the rollout that restores it. */
export function putSnapshotInPlace(
  host: HostContext,
  volume: Volume,
  id: string,
  by: { readonly rollout?: number; readonly next?: ServerId } = {},
): Promise<VolumeRecord> {
  const { places, record } = volume;
  const { release, dataVersion } = requireSnapshot(places, id);
  const { release: _, dataVersion: _before, ...rest } = record;
  const after: VolumeRecord = {
    ...rest,
    ...(release === undefined ? {} : { release }),
    ...(dataVersion === undefined ? {} : { dataVersion }),
    ...(by.rollout === undefined ? {} : { restoredBy: by.rollout }),
  };
  const copy = () => copyFromSnapshot(places, id, record);
  return replaceData(host, volume, copy, { after, ...(by.next === undefined ? {} : { next: by.next }) });
}
