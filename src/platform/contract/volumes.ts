import type { ServiceKey } from "../../domain/ids.ts";
import type { Snapshot, VolumeKey, VolumeState } from "../../domain/volume.ts";
import type { Call } from "./call.ts";

/**
 * The volumes of a platform; presence is the capability, also to give them to servers. Each call throws `volume_unknown`
 * and `snapshot_unknown`. What replaces or removes data throws `volume_in_use` while a server has the volume.
 */
export interface Volumes {
  /** Of this service, or all, by service and name; also those whose service is gone. */
  list(service: ServiceKey | undefined, call: Call): Promise<readonly VolumeState[]>;
  /** What the volume has in it at one moment: its servers stand still meanwhile. Throws `disk_full`. */
  snapshot(volume: VolumeKey, call: Call): Promise<Snapshot>;
  /** Puts a snapshot in place of the data; what was there is a snapshot afterwards. All or nothing. */
  restore(volume: VolumeKey, snapshot: string, call: Call): Promise<void>;
  /** A tar archive of the data or of a snapshot, as of one moment. */
  read(volume: VolumeKey, snapshot: string | undefined, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Puts the content of a tar archive in place of the data; otherwise as `restore`. */
  write(volume: VolumeKey, archive: AsyncIterable<Uint8Array>, call: Call): Promise<void>;
  /** With all its snapshots, or only that one. */
  remove(volume: VolumeKey, snapshot: string | undefined, call: Call): Promise<void>;
}
