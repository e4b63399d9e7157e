import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ServiceKey } from "../../../domain/ids.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import type { HostPaths } from "../paths.ts";

/** Names a volume of an installation. */
export interface VolumeKey {
  readonly service: ServiceKey;
  readonly name: string;
}

/** What is kept of one volume. */
export interface VolumePlaces {
  readonly folder: string;
  readonly record: string;
  /** The file system of a volume with a size. */
  readonly image: string;
  /** Where that is mounted. */
  readonly disk: string;
}

export function volumePlaces({ volumes }: Pick<HostPaths, "volumes">, key: VolumeKey): VolumePlaces {
  const folder = join(volumes, key.service, key.name);
  return {
    folder,
    record: join(folder, "volume.json"),
    image: join(folder, "image"),
    disk: join(folder, "disk"),
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
  return namesIn(volumes).flatMap((service) =>
    readdirSync(join(volumes, service)).map((name) => ({ service, name })),
  );
}
