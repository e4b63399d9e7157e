import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { VolumeKey } from "../../../domain/volume.ts";
import { diskFull, KilnError } from "../../../lib/errors.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { firstWords } from "../../../lib/process/first-words.ts";
import type { HostContext } from "../context.ts";
import { makeImage, mountImage, unmountImage } from "./disk-image.ts";
import { findVolume, inTurn, requireUnused } from "./find-volume.ts";
import { type VolumePlaces, volumeId } from "./places.ts";
import { removeTree, unfinished } from "./remove-tree.ts";
import { exchangeData } from "./snapshots.ts";
import { replaceData, type Volume } from "./take-snapshot.ts";

/**
 * See `Volumes.write`. What comes takes as long as its sender wants: other work with the volume continues until all of it is
 * there. One such at a time.
 */
export async function importData(
  host: HostContext,
  key: VolumeKey,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  requireNoImport(host, key);
  using _held = host.volumeTurns.hold(volumeId(key));
  await host.volumeTurns.take(importId(key), async () => {
    const volume = findVolume(host, key);
    requireUnused(host, volume);
    const fresh = freshPlaces(volume.places);
    await forget(fresh);
    try {
      await unpackInto(await makeTarget(fresh, volume), content);
      await unmountImage(fresh);
      await inTurn(host, key, async (now) => {
        requireUnused(host, now);
        requireSame(volume, now);
        await replaceData(host, now, () => putInPlace(now, fresh));
      });
    } finally {
      await unmountImage(fresh);
      await forget(fresh);
    }
  });
}

function requireSame({ key, record }: Volume, now: Volume): void {
  if (record.createdAtMs === now.record.createdAtMs) return;
  throw new KilnError("volume_in_use", `The volume ${key.name} of ${key.service} was made again meanwhile.`, {
    hint: "Begin the import again.",
  });
}

/** Throws `volume_in_use` while data is on its way into the volume. */
export function requireNoImport({ volumeTurns }: HostContext, key: VolumeKey): void {
  if (!volumeTurns.isTaken(importId(key))) return;
  throw new KilnError(
    "volume_in_use",
    `Data is being imported into the volume ${key.name} of ${key.service}.`,
    {
      retry: true,
      hint: "Repeat this when that has ended: it has a minute for each next piece.",
    },
  );
}

/** No volume's own id has a blank. */
function importId(key: VolumeKey): string {
  return `${volumeId(key)} import`;
}

/** Places next to the data that nothing else uses. */
interface FreshPlaces {
  readonly image: string;
  readonly disk: string;
  readonly data: string;
}

function freshPlaces({ folder }: VolumePlaces): FreshPlaces {
  const place = (name: string) => join(folder, `${name}.import${unfinished}`);
  return { image: place("image"), disk: place("disk"), data: place("data") };
}

async function forget({ image, disk, data }: FreshPlaces): Promise<void> {
  for (const path of [image, disk, data]) await removeTree(path);
}

/** An empty folder in a file system of the same kind and size. */
async function makeTarget(fresh: FreshPlaces, { record: { sizeBytes } }: Volume): Promise<string> {
  const target = sizeBytes === undefined ? fresh.data : join(fresh.disk, "data");
  if (sizeBytes !== undefined) {
    await makeImage(fresh, sizeBytes);
    await mountImage(fresh, sizeBytes);
  }
  mkdirSync(target, { mode: 0o750 });
  return target;
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
  const source = failureOf(content);
  // tar may end before it has read everything; its exit code decides.
  const read = pipeline(source.content, child.stdin).catch(() => void (source.failed && child.kill()));
  const [, [code]] = await Promise.all([read, ended]);
  if (source.failed) throw source.failed.error;
  if (code !== 0) throw refused(words());
}

/** The same content, and how it ended. */
function failureOf(content: AsyncIterable<Uint8Array>) {
  const source: { content: AsyncIterable<Uint8Array>; failed?: { error: unknown } } = { content: read() };
  async function* read() {
    try {
      yield* content;
    } catch (error) {
      source.failed = { error };
      throw error;
    }
  }
  return source;
}

function refused(words: string): KilnError {
  if (/No space left on device|Disk quota exceeded/.test(words)) return diskFull(undefined, new Error(words));
  return new KilnError("usage", `This is not a tar archive that can be unpacked: ${words.split("\n")[0]}`, {
    hint: "`kiln volume export` writes one; `tar -tf FILE` lists what is in it.",
  });
}

async function putInPlace({ places, record }: Volume, fresh: FreshPlaces): Promise<void> {
  if (record.sizeBytes === undefined) {
    await exec(["sync", "--file-system", fresh.data]);
    return exchangeData(places, fresh.data);
  }
  await exec(["sync", fresh.image]);
  renameSync(fresh.image, places.image);
}
