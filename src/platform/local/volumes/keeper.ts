import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { VolumeKey, VolumeState } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { firstWords } from "../../../lib/process/first-words.ts";
import { mountedAt } from "../../linux/mounts.ts";
import type { Volumes } from "../../volumes.ts";
import type { HostContext } from "../context.ts";
import { serversWith, sweepVolumes } from "./claims.ts";
import { makeImage, mountImage, unmountImage } from "./disk-image.ts";
import { dataFolder, type VolumePlaces, volumeId, volumePlaces, volumesThere } from "./places.ts";
import { readVolume, type VolumeRecord } from "./records.ts";
import { removeTree, removeWhole } from "./remove-tree.ts";
import { exchangeData, requireSnapshot, snapshotsOf, usedBytes } from "./snapshots.ts";
import { putSnapshotInPlace, replaceData, takeSnapshot, type Volume } from "./take-snapshot.ts";

/** See `Volumes`. */
export function volumeKeeper(host: HostContext): Volumes {
  const turn = <T>(key: VolumeKey, work: (volume: Volume) => Promise<T>) =>
    host.volumeTurns
      .take(volumeId(key), () => work(find(host, key)))
      .finally(() => host.shared(() => sweepVolumes(host)));
  return {
    list: async (service) => {
      const keys = volumesThere(host.paths).filter((key) => (service ?? key.service) === key.service);
      const states = await Promise.all(keys.map((key) => stateOf(host, key)));
      return states.flatMap((state) => state ?? []).sort((a, b) => (volumeId(a) < volumeId(b) ? -1 : 1));
    },
    snapshot: (key) => turn(key, (volume) => takeSnapshot(host, volume, "asked")),
    restore: (key, id) =>
      turn(key, async (volume) => {
        requireSnapshot(volume.places, id);
        requireUnused(host, volume);
        await putSnapshotInPlace(host, volume, id);
      }),
    read: (key, id, signal) => archive(host, key, id, signal),
    write: (key, content) =>
      turn(key, async (volume) => {
        requireUnused(host, volume);
        await unpack(volume, content);
        await replaceData(host, volume, () => putInPlace(volume));
      }),
    remove: (key, id) =>
      turn(key, async (volume) => {
        if (id !== undefined) requireSnapshot(volume.places, id);
        else requireUnused(host, volume);
        if (id === undefined) await unmountImage(volume.places);
        await removeWhole(id === undefined ? volume.places.folder : join(volume.places.snapshots, id));
      }),
  };
}

function find({ paths }: HostContext, key: VolumeKey): Volume {
  const places = volumePlaces(paths, key);
  const record = readVolume(places);
  if (record !== undefined) return { key, places, record };
  const known = volumesThere(paths).map(({ service, name }) => `${name} of ${service}`);
  throw new KilnError("volume_unknown", `There is no volume ${key.name} of ${key.service}.`, {
    hint:
      known.length === 0 ? "A deploy with `servers.volumes` makes one." : `There are: ${known.join(", ")}.`,
  });
}

async function stateOf(host: HostContext, key: VolumeKey): Promise<VolumeState | undefined> {
  const places = volumePlaces(host.paths, key);
  const record = readVolume(places);
  if (record === undefined) return undefined;
  const { createdAtMs, sizeBytes, release, dataVersion } = record;
  const used = await usedOf(places, record);
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

async function usedOf(places: VolumePlaces, { sizeBytes }: VolumeRecord): Promise<number | undefined> {
  if (sizeBytes === undefined) return usedBytes(dataFolder(places, false)).catch(() => undefined);
  if (mountedAt(places.disk) === undefined) return undefined;
  const { blocks, bfree, bsize } = statfsSync(places.disk);
  return (blocks - bfree) * bsize;
}

function requireUnused(host: HostContext, { key }: Volume): void {
  const [server] = serversWith(host, key);
  if (server === undefined) return;
  throw new KilnError("volume_in_use", `The volume ${key.name} of ${key.service} is in use by ${server}.`, {
    hint: `\`kiln scale 0 --service ${key.service}\` ends its servers; repeat this, then scale up again.`,
  });
}

/** Of what a server has in use, a copy is read, so that all of it is of one moment. */
async function* archive(
  host: HostContext,
  key: VolumeKey,
  id: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using _held = host.volumeTurns.hold(volumeId(key));
  const copy =
    id ?? (await host.volumeTurns.take(volumeId(key), () => takeSnapshot(host, find(host, key), "asked"))).id;
  const { places } = find(host, key);
  const { sizeBytes } = requireSnapshot(places, copy);
  const folder = join(places.snapshots, copy);
  const disk = join(folder, "disk");
  try {
    if (sizeBytes !== undefined) {
      mkdirSync(disk, { recursive: true, mode: 0o700 });
      await exec([
        "mount",
        "-t",
        "ext4",
        "-o",
        "ro,noload,loop,nosuid,nodev,noexec",
        join(folder, "image"),
        disk,
      ]);
    }
    yield* tarOf(sizeBytes === undefined ? join(folder, "data") : join(disk, "data"), signal);
  } finally {
    if (mountedAt(disk) !== undefined) await unmountImage({ ...places, disk });
    if (id === undefined) await removeWhole(folder);
  }
}

async function* tarOf(folder: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const argv: [string, ...string[]] = ["tar", "--create", "--numeric-owner", "--sparse", "-C", folder, "."];
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: "/",
    env: cleanEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  const ended = once(child, "close");
  ended.catch(() => {});
  const words = firstWords(child.stderr);
  yield* child.stdout as AsyncIterable<Uint8Array>;
  const [code] = await ended;
  if (code !== 0) throw new KilnError("command_failed", `tar exited with ${code}: ${words()}`);
}

/** Unpacks it next to the data; nothing of the volume has changed when that fails. */
async function unpack({ places, record }: Volume, content: AsyncIterable<Uint8Array>): Promise<void> {
  const fresh = freshPlaces(places);
  const forget = async () => {
    for (const path of [fresh.image, join(places.folder, "data.new")]) await removeTree(path);
  };
  await forget();
  try {
    await unpackInto(await makeTarget(places, fresh, record), content);
    await unmountImage(fresh);
  } catch (error) {
    await unmountImage(fresh);
    await forget();
    throw error;
  }
}

/** An empty folder in a file system of the same kind and size. */
async function makeTarget(
  places: VolumePlaces,
  fresh: VolumePlaces,
  { sizeBytes }: VolumeRecord,
): Promise<string> {
  const target = sizeBytes === undefined ? join(places.folder, "data.new") : dataFolder(fresh, true);
  if (sizeBytes !== undefined) {
    await makeImage(fresh, sizeBytes);
    await mountImage(fresh, sizeBytes);
  }
  mkdirSync(target, { mode: 0o750 });
  return target;
}

function freshPlaces(places: VolumePlaces): VolumePlaces {
  return { ...places, image: `${places.image}.import`, disk: `${places.disk}.import` };
}

async function unpackInto(folder: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const argv: [string, ...string[]] = [
    "tar",
    "--extract",
    "--numeric-owner",
    "--no-same-owner",
    "-C",
    folder,
  ];
  const [program, ...args] = argv;
  const child = spawn(program, args, { cwd: "/", env: cleanEnvironment, stdio: ["pipe", "ignore", "pipe"] });
  const ended = once(child, "close");
  const words = firstWords(child.stderr);
  const [, [code]] = await Promise.all([
    pipeline(content, child.stdin).catch((error) => {
      child.kill();
      if (child.exitCode === null) throw error;
    }),
    ended,
  ]);
  if (code === 0) return;
  throw new KilnError("usage", `This is not a tar archive that can be unpacked: ${words().split("\n")[0]}`, {
    hint: "`kiln volume export` writes one; `tar -tf FILE` lists what is in it.",
  });
}

async function putInPlace({ places, record }: Volume): Promise<void> {
  if (record.sizeBytes === undefined) return exchangeData(places);
  const fresh = freshPlaces(places);
  await exec(["mv", fresh.image, places.image]);
  rmSync(fresh.disk, { recursive: true, force: true });
}
