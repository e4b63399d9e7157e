import type { VolumeKey } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import type { HostContext } from "../context.ts";
import { serversWith, sweepVolumes } from "./claims.ts";
import { volumeId, volumePlaces, volumesThere } from "./places.ts";
import { readVolume } from "./records.ts";
import { recoverData } from "./snapshots.ts";
import type { Volume } from "./take-snapshot.ts";

/** Work with a volume that is there, while no other work with it runs. Throws `volume_unknown`. */
export function inTurn<T>(
  host: HostContext,
  key: VolumeKey,
  work: (volume: Volume) => Promise<T>,
): Promise<T> {
  const recovered = async () => {
    const volume = findVolume(host, key);
    recoverData(volume.places);
    return work(volume);
  };
  return host.volumeTurns.take(volumeId(key), recovered).finally(() => host.shared(() => sweepVolumes(host)));
}

/** Throws `volume_unknown`. */
export function findVolume({ paths }: HostContext, key: VolumeKey): Volume {
  const places = volumePlaces(paths, key);
  const record = readVolume(places);
  if (record !== undefined) return { key, places, record };
  const known = volumesThere(paths).map(({ service, name }) => `${name} of ${service}`);
  throw new KilnError("volume_unknown", `There is no volume ${key.name} of ${key.service}.`, {
    hint:
      known.length === 0 ? "A deploy with `servers.volumes` makes one." : `There are: ${known.join(", ")}.`,
  });
}

/** Throws `volume_in_use` when a server has it. */
export function requireUnused(host: HostContext, { key }: Volume): void {
  const [server] = serversWith(host, key);
  if (server === undefined) return;
  throw new KilnError("volume_in_use", `The volume ${key.name} of ${key.service} is in use by ${server}.`, {
    hint: `\`kiln scale 0 --service ${key.service}\` ends its servers; repeat this, then scale up again.`,
  });
}
