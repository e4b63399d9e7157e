import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { VolumeKey } from "../../../domain/volume.ts";
import type { HostPaths } from "../paths.ts";
import { unfinished } from "./remove-tree.ts";

/** What is kept of one volume. */
export interface VolumePlaces {
  readonly folder: string;
  readonly record: string;
  /** The file system of a volume with a size. */
  readonly image: string;
  /** Where that is mounted. */
  readonly disk: string;
  /** A folder for each, with `snapshot.json`, and `data` or `image` as in the volume. */
  readonly snapshots: string;
  /** Names the servers that stand still for a snapshot. */
  readonly paused: string;
}

export function volumePlaces({ volumes }: Pick<HostPaths, "volumes">, key: VolumeKey): VolumePlaces {
  const folder = join(volumes, key.service, key.name);
  return {
    folder,
    record: join(folder, "volume.json"),
    image: join(folder, "image"),
    disk: join(folder, "disk"),
    snapshots: join(folder, "snapshots"),
    paused: join(folder, "paused.json"),
  };
}

/** What servers find at the volume's path. A file system's own folders (`lost+found`) are not part of it. */
export function dataFolder({ folder, disk }: VolumePlaces, hasSize: boolean): string {
  return join(hasSize ? disk : folder, "data");
}

/** `shop/data`: neither part holds a slash. */
export function volumeId({ service, name }: VolumeKey): string {
  return `${service}/${name}`;
}

/** Every volume that has a folder. */
export function volumesThere({ volumes }: Pick<HostPaths, "volumes">): readonly VolumeKey[] {
  return foldersIn(volumes).flatMap((service) =>
    foldersIn(join(volumes, service)).map((name) => ({ service, name })),
  );
}

/** What someone else has put there is none of ours, and neither is what is being removed. */
function foldersIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) =>
    each.isDirectory() && !each.name.endsWith(unfinished) ? [each.name] : [],
  );
}
