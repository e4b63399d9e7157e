import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { VolumeKey, VolumeState } from "../../../domain/volume.ts";
import type { Call } from "../../contract/call.ts";
import type { Volumes } from "../../contract/volumes.ts";
import { mountedAt } from "../../linux/mounts.ts";
import type { HostContext } from "../context.ts";
import { serversWith } from "./claims.ts";
import { unmountImage } from "./disk-image.ts";
import { exportData } from "./export-data.ts";
import { inTurn, requireUnused } from "./find-volume.ts";
import { importData, requireNoImport } from "./import-data.ts";
import { dataFolder, type VolumePlaces, volumeId, volumePlaces, volumesThere } from "./places.ts";
import { readVolume, type VolumeRecord } from "./records.ts";
import { removeWhole } from "./remove-tree.ts";
import { requireSnapshot, snapshotsOf, usedBytes } from "./snapshots.ts";
import { putSnapshotInPlace, takeSnapshot, type Volume } from "./take-snapshot.ts";

/** How long a list may take to count what is in a folder; of one with millions of files it says no number. */
const countMs = 3_000;

/** See `Volumes`. */
export function volumeKeeper(host: HostContext): Volumes {
  return {
    list: async (service, call) => {
      const keys = volumesThere(host.paths).filter((key) => (service ?? key.service) === key.service);
      const states = await Promise.all(keys.map((key) => stateOf(host, key, call)));
      return states.flatMap((state) => state ?? []).sort((a, b) => (volumeId(a) < volumeId(b) ? -1 : 1));
    },
    snapshot: (key) => inTurn(host, key, (volume) => takeSnapshot(host, volume, "asked")),
    restore: (key, id) =>
      inTurn(host, key, async (volume) => {
        requireSnapshot(volume.places, id);
        requireUnused(host, volume);
        await putSnapshotInPlace(host, volume, id);
      }),
    read: (key, id, signal) => exportData(host, key, id, signal),
    write: (key, content) => importData(host, key, content),
    remove: (key, id) =>
      inTurn(host, key, (volume) =>
        id === undefined ? removeVolume(host, volume) : removeSnapshot(volume, id),
      ),
  };
}

async function removeVolume(host: HostContext, volume: Volume): Promise<void> {
  requireUnused(host, volume);
  requireNoImport(host, volume.key);
  await unmountImage(volume.places);
  await removeWhole(volume.places.folder);
}

async function removeSnapshot({ places }: Volume, id: string): Promise<void> {
  requireSnapshot(places, id);
  await removeWhole(join(places.snapshots, id));
}

async function stateOf(host: HostContext, key: VolumeKey, call: Call): Promise<VolumeState | undefined> {
  const places = volumePlaces(host.paths, key);
  const record = readVolume(places);
  if (record === undefined) return undefined;
  const { createdAtMs, sizeBytes, release, dataVersion } = record;
  const used = await usedOf(places, record, call);
  return {
    ...key,
    createdAtMs,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(used === undefined ? {} : { usedBytes: used }),
    ...(release === undefined ? {} : { release }),
    ...(dataVersion === undefined ? {} : { dataVersion }),
    servers: serversWith(host, key),
    snapshots: snapshotsOf(places),
  };
}

async function usedOf(
  places: VolumePlaces,
  { sizeBytes }: VolumeRecord,
  { signal }: Call,
): Promise<number | undefined> {
  const within = { signal, timeoutMs: countMs };
  if (sizeBytes === undefined) return usedBytes(dataFolder(places, false), within).catch(() => undefined);
  if (mountedAt(places.disk) === undefined) return undefined;
  const { blocks, bfree, bsize } = statfsSync(places.disk);
  return (blocks - bfree) * bsize;
}
