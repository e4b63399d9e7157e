import type { ServerId } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import { ownVolumes, type Snapshot, type VolumeKey, type VolumeState } from "../../domain/volume.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Volumes } from "../contract/volumes.ts";
import { parseJobId } from "../fleet/server-id.ts";
import type { FakeServer, FakeVolume, FakeWorld } from "./world.ts";

/** Throws `volume_in_use` when another server has a volume that this one is to have alone. Otherwise it has them. */
export function takeVolumes(world: FakeWorld, id: ServerId, release: Release): void {
  const { service, number, shape } = release;
  for (const { name } of parseJobId(id) === undefined ? ownVolumes(shape.volumes) : []) {
    const [holder] = holders(world, { service, name }).filter((other) => other !== id);
    if (holder !== undefined) throw inUse({ service, name }, holder, true);
  }
  for (const { name } of parseJobId(id) === undefined ? (shape.volumes ?? []) : []) {
    const known = world.volumes.find((volume) => volume.service === service && volume.name === name);
    const volume = known ?? {
      service,
      name,
      createdAtMs: world.clock.now(),
      data: [],
      release: number,
      snapshots: [],
    };
    if (known === undefined) world.volumes.push(volume);
    volume.release = number;
    volume.data = [...volume.data, id];
  }
}

/** Servers that have it: also one whose process has ended, until it is stopped. One in quarantine has let go of it. */
function holders({ servers }: FakeWorld, { service, name }: VolumeKey): readonly ServerId[] {
  const has = ({ released, record, release }: FakeServer) =>
    !released &&
    record.quarantinedAtMs === undefined &&
    release.service === service &&
    release.shape.volumes?.some((volume) => volume.name === name);
  return [...servers.values()].filter(has).map(({ record }) => record.id);
}

function inUse({ service, name }: VolumeKey, server: ServerId, retry: boolean): KilnError {
  return new KilnError("volume_in_use", `The volume ${name} of ${service} is in use by ${server}.`, {
    retry,
  });
}

export function fakeVolumes(world: FakeWorld): Volumes {
  const find = ({ service, name }: VolumeKey): FakeVolume => {
    const found = world.volumes.find((volume) => volume.service === service && volume.name === name);
    if (found !== undefined) return found;
    throw new KilnError("volume_unknown", `There is no volume ${name} of ${service}.`);
  };
  const snapshotOf = (volume: FakeVolume, id: string) => {
    const found = volume.snapshots.find((snapshot) => snapshot.id === id);
    if (found !== undefined) return found;
    throw new KilnError("snapshot_unknown", `The volume has no snapshot ${id}.`);
  };
  const unused = (key: VolumeKey) => {
    const volume = find(key);
    const [server] = holders(world, key);
    if (server !== undefined) throw inUse(key, server, false);
    return volume;
  };
  const keep = (volume: FakeVolume, reason: Snapshot["reason"]): Snapshot => {
    const { data, release } = volume;
    const snapshot = {
      id: `s${volume.snapshots.length + 1}`,
      atMs: world.clock.now(),
      reason,
      release,
      bytes: 1,
    };
    volume.snapshots.push({ ...snapshot, data });
    return snapshot;
  };
  const replace = (volume: FakeVolume, data: readonly string[]) => {
    keep(volume, "before-restore");
    volume.data = data;
  };
  return {
    list: async (service) =>
      world.volumes
        .filter((volume) => service === undefined || volume.service === service)
        .map(({ data: _, snapshots, ...rest }): VolumeState => {
          const shown = snapshots.map(({ data: _data, ...snapshot }) => snapshot);
          return { ...rest, servers: holders(world, rest), snapshots: shown };
        }),
    snapshot: async (key) => keep(find(key), "asked"),
    restore: async (key, id) => {
      const volume = find(key);
      const { data } = snapshotOf(volume, id);
      replace(unused(key), data);
    },
    read: async function* (key, id) {
      const volume = find(key);
      const { data } = id === undefined ? volume : snapshotOf(volume, id);
      yield Buffer.from(JSON.stringify(data));
    },
    write: async (key, archive) => {
      const volume = unused(key);
      const pieces: Uint8Array[] = [];
      for await (const piece of archive) pieces.push(piece);
      replace(volume, JSON.parse(Buffer.concat(pieces).toString()) as readonly string[]);
    },
    remove: async (key, id) => {
      const volume = id === undefined ? unused(key) : find(key);
      if (id === undefined) world.volumes.splice(world.volumes.indexOf(volume), 1);
      else volume.snapshots.splice(volume.snapshots.indexOf(snapshotOf(volume, id)), 1);
    },
  };
}
