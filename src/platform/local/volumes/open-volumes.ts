import { chmodSync, existsSync, mkdirSync } from "node:fs";
import type { VolumeSpec } from "../../../domain/spec/volume-spec.ts";
import { keptSnapshots, type Restoring, type VolumeKey } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { HostImage } from "../../contract/images.ts";
import type { Bind } from "../../linux/placed-content.ts";
import type { HostContext } from "../context.ts";
import type { ServerRecord } from "../server/records.ts";
import { volumesOf } from "./claims.ts";
import { makeImage, mountImage } from "./disk-image.ts";
import { giveToOwner } from "./owner.ts";
import { dataFolder, volumeId, volumePlaces } from "./places.ts";
import { readVolume, type VolumeRecord, writeVolume } from "./records.ts";
import { keepNewest, recoverData } from "./snapshots.ts";
import { putSnapshotInPlace, takeSnapshot, type Volume } from "./take-snapshot.ts";

/** The server that is about to get its volumes. */
export interface Opening extends Pick<ServerRecord, "id" | "release"> {
  readonly restore: Restoring | undefined;
}

/**
 * Makes and mounts the server's volumes, belonging to the image's user, and says what has to be bound where. Throws
 * `disk_full` when there is no room for a volume's size, `volume_invalid` when the volume there is of another kind.
 */
export async function openVolumes(
  host: HostContext,
  opening: Opening,
  { uid, gid }: Pick<HostImage, "uid" | "gid">,
): Promise<readonly Bind[]> {
  const { id, release } = opening;
  const binds: Bind[] = [];
  for (const volume of volumesOf(id, release)) {
    const key = volumeId({ service: release.service, name: volume.name });
    const open = () => openVolume(host, opening, volume, { uid, gid });
    binds.push({ source: await host.volumeTurns.take(key, open), destination: volume.path });
  }
  return binds;
}

async function openVolume(
  host: HostContext,
  { id, release: { service, number }, restore }: Opening,
  volume: VolumeSpec,
  owner: VolumeRecord["owner"],
): Promise<string> {
  const { name, sizeBytes, shared } = volume;
  const key = { service, name };
  const places = volumePlaces(host.paths, key);
  const found = readVolume(places);
  const before = found ?? newVolume(host, sizeBytes, owner);
  requireSameKind(key, before, sizeBytes);
  if (sizeBytes === undefined) recoverData(places);
  const present =
    found && (await prepare(host, { key, places, record: found }, { id, number, volume, restore }));
  requireReadable(key, present ?? before, volume);
  const size = sizeBytes === undefined ? undefined : Math.max(sizeBytes, before.sizeBytes ?? 0);
  const record: VolumeRecord = {
    ...(present ?? before),
    release: number,
    ...(size === undefined ? {} : { sizeBytes: size }),
    ...(volume.dataVersion === undefined ? {} : { dataVersion: volume.dataVersion }),
  };
  await writeVolume(places, record);
  if (size !== undefined) {
    await makeImage(places, size);
    await mountImage(places, size);
  }
  const data = dataFolder(places, size !== undefined);
  if (!existsSync(data)) {
    mkdirSync(data, { mode: 0o750 });
    chmodSync(data, 0o750); // whatever the umask is
  }
  await giveToOwner(host, places, record, {
    owner,
    data,
    shared: shared ? `${name} of ${service}` : undefined,
  });
  return data;
}

interface Preparing extends Pick<Opening, "id" | "restore"> {
  readonly number: number;
  readonly volume: VolumeSpec;
}

/** What happens to the data that is there before another release gets it. Once for each rollout, also after a crash. */
async function prepare(
  host: HostContext,
  volume: Volume,
  { id, number, volume: { name, snapshot, keep, shared }, restore }: Preparing,
): Promise<VolumeRecord> {
  const { places, record } = volume;
  const wanted = shared ? undefined : restore?.snapshots[name];
  if (restore !== undefined && wanted !== undefined) {
    if (record.restoredBy === restore.rollout) return record;
    return putSnapshotInPlace(host, volume, wanted, { rollout: restore.rollout, next: id });
  }
  if (snapshot === undefined || record.release === undefined || record.release === number) return record;
  await takeSnapshot(host, volume, "before-rollout", id);
  await keepNewest(places, keep ?? keptSnapshots);
  return record;
}

/** Throws `volume_invalid` when the release says that it cannot read what is there. */
function requireReadable(
  { service, name }: VolumeKey,
  { dataVersion: there, release }: VolumeRecord,
  { dataVersion }: VolumeSpec,
): void {
  if (there === undefined || dataVersion === undefined || there <= dataVersion) return;
  throw new KilnError(
    "volume_invalid",
    `The volume ${name} of ${service} has data of version ${there}, which release ${release} has written; this release reads version ${dataVersion} at most.`,
    { permanent: true, hint: "`kiln rollback --with-data` goes back to the data of before as well." },
  );
}

function newVolume(
  host: HostContext,
  sizeBytes: number | undefined,
  owner: VolumeRecord["owner"],
): VolumeRecord {
  const size = sizeBytes === undefined ? {} : { sizeBytes };
  return { format: 1, createdAtMs: host.clock.now(), ...size, owner, owned: false };
}

function requireSameKind(
  { service, name }: VolumeKey,
  { sizeBytes }: VolumeRecord,
  asked: number | undefined,
): void {
  if ((sizeBytes === undefined) === (asked === undefined)) return;
  const was = sizeBytes === undefined ? "was made without a size" : "was made with a size";
  throw new KilnError(
    "volume_invalid",
    `The volume ${name} of ${service} ${was}, and keeps its kind; the release wants it ${asked === undefined ? "without one" : "with one"}.`,
    {
      permanent: true,
      hint: "Write `size` as it was; or export the volume, remove it and import it again.",
    },
  );
}
