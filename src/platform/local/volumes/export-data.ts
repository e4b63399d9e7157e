import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { VolumeKey } from "../../../domain/volume.ts";
import { KilnError } from "../../../lib/errors.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { exec } from "../../../lib/process/exec.ts";
import { firstWords } from "../../../lib/process/first-words.ts";
import type { HostContext } from "../context.ts";
import { unmountImage } from "./disk-image.ts";
import { findVolume, inTurn } from "./find-volume.ts";
import { type VolumePlaces, volumeId } from "./places.ts";
import { removeTree, removeWhole, unfinished } from "./remove-tree.ts";
import { requireSnapshot } from "./snapshots.ts";
import { takeSnapshot } from "./take-snapshot.ts";

/** See `Volumes.read`. Of what a server has in use, a copy is read, so that all of it is of one moment. */
export async function* exportData(
  host: HostContext,
  key: VolumeKey,
  id: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  using _held = host.volumeTurns.hold(volumeId(key));
  const copy = id ?? (await inTurn(host, key, (volume) => takeSnapshot(host, volume, "asked"))).id;
  const { places } = findVolume(host, key);
  try {
    const { sizeBytes } = requireSnapshot(places, copy);
    const folder = join(places.snapshots, copy);
    if (sizeBytes === undefined) yield* tarOf(join(folder, "data"), signal);
    else yield* tarOfImage(places, join(folder, "image"), signal);
  } finally {
    if (id === undefined) await removeWhole(join(places.snapshots, copy));
  }
}

/** Mounted for this reader alone. */
async function* tarOfImage(
  places: VolumePlaces,
  image: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const disk = join(places.folder, `export-${randomUUID()}${unfinished}`);
  mkdirSync(disk, { mode: 0o700 });
  try {
    await exec(["mount", "-t", "ext4", "-o", "ro,noload,loop,nosuid,nodev,noexec", image, disk]);
    yield* tarOf(join(disk, "data"), signal);
  } finally {
    await unmountImage({ image, disk });
    await removeTree(disk);
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
