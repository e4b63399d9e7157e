import { existsSync } from "node:fs";
import type { ServerId } from "../../../domain/ids.ts";
import type { Release } from "../../../domain/rollout/release.ts";
import type { VolumeSpec } from "../../../domain/spec/volume-spec.ts";
import type { VolumeKey } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import { parseJobId } from "../../fleet/server-id.ts";
import { readMountPoints, unmount } from "../../linux/mounts.ts";
import type { HostContext } from "../context.ts";
import type { ServerRecord } from "../server/records.ts";
import { holdersOf } from "./holders.ts";
import { dataFolder, volumeId, volumePlaces, volumesThere } from "./places.ts";
import { readVolume } from "./records.ts";

/**
 * The volumes that a server gets. A job runs next to servers, so of volumes that one server at a time may have it gets
 * none: it finds an empty folder that it cannot write to.
 */
export function volumesOf(id: string, { shape }: Pick<Release, "shape">): readonly VolumeSpec[] {
  return (shape.volumes ?? []).filter(({ shared }) => shared || parseJobId(id) === undefined);
}

/**
 * Throws `volume_in_use` when another server has a volume that this one is to have alone, by what is on record and by what
 * the kernel says. Callers hold the host's lock, and write the server's record before they release it.
 */
export function requireVolumes(host: HostContext, id: string, release: Release): void {
  for (const volume of volumesOf(id, release)) {
    const holder = recordedHolder(host, id, release, volume) ?? unrecordedHolder(host, id, release, volume);
    if (holder !== undefined) throw inUse(release.service, volume.name, holder);
  }
}

/** One in quarantine lets go of its volumes; as long as it has not, the kernel says so. */
function hasVolumes({ freed, quarantinedAtMs }: ServerRecord): boolean {
  return !freed && quarantinedAtMs === undefined;
}

function inUse(service: string, name: string, holder: string): KilnError {
  return new KilnError(
    "volume_in_use",
    `The volume ${name} of ${service} is in use by ${holder}, and one server at a time may have it.`,
    { retry: true, hint: `Kiln waits for ${holder} to end.` },
  );
}

function recordedHolder(
  { records }: HostContext,
  id: string,
  { service }: Release,
  { name, shared }: VolumeSpec,
): string | undefined {
  return records.all().find((other) => {
    if (other.id === id || !hasVolumes(other) || other.release.service !== service) return false;
    const theirs = volumesOf(other.id, other.release).find((volume) => volume.name === name);
    return theirs !== undefined && !(shared && theirs.shared);
  })?.id;
}

/** One whose record is lost still has its mounts. */
function unrecordedHolder(
  { tag, paths, records }: HostContext,
  id: string,
  { service }: Release,
  { name, shared }: VolumeSpec,
): string | undefined {
  const places = volumePlaces(paths, { service, name });
  const record = readVolume(places);
  const folder = record && dataFolder(places, record.sizeBytes !== undefined);
  if (folder === undefined || !existsSync(folder)) return undefined;
  return holdersOf(tag, folder).find((other) => other !== id && !(shared && records.read(other)));
}

/** Servers that have the volume, by what is on record and by what the kernel says. */
export function serversWith(host: HostContext, key: VolumeKey): readonly ServerId[] {
  const places = volumePlaces(host.paths, key);
  const record = readVolume(places);
  const folder = record && dataFolder(places, record.sizeBytes !== undefined);
  const mounted = folder !== undefined && existsSync(folder) ? holdersOf(host.tag, folder) : [];
  const recorded = host.records
    .all()
    .filter((server) => {
      const { id, release } = server;
      const isTheirs =
        release.service === key.service && volumesOf(id, release).some((v) => v.name === key.name);
      return hasVolumes(server) && isTheirs;
    })
    .map(({ id }) => id);
  return [...new Set([...recorded, ...mounted])];
}

/** Unmounts what no server and no work with a volume uses, also what a crash has left. Callers hold the host's lock. */
export async function sweepVolumes({
  paths,
  records,
  volumeTurns,
}: Pick<HostContext, "paths" | "records" | "volumeTurns">): Promise<void> {
  const mounted = readMountPoints().filter((point) => point.startsWith(`${paths.volumes}/`));
  if (mounted.length === 0) return;
  const inUse = records.all().filter(hasVolumes);
  const disks = inUse.flatMap(({ id, release }) =>
    volumesOf(id, release).map(({ name }) => volumePlaces(paths, { service: release.service, name }).disk),
  );
  const taken = volumesThere(paths).filter((key) => volumeTurns.isTaken(volumeId(key)));
  const kept = [...disks, ...taken.map((key) => volumePlaces(paths, key).folder)];
  const unused = mounted.filter(
    (point) => !kept.some((path) => point === path || point.startsWith(`${path}/`)),
  );
  for (const point of unused.toReversed()) await unmount(point);
}
