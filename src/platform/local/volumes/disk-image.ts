import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { diskFull, KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { Clock } from "../../../lib/time/clock.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import { mountedAt, unmount } from "../../linux/mounts.ts";
import type { VolumePlaces } from "./places.ts";

type DiskPlaces = Pick<VolumePlaces, "image" | "disk">;

/**
 * A file system of this size in a file. Its space is reserved: data that a program knows to be on the disk must not turn
 * out to have no room when something else has filled the machine's disk.
 */
export async function makeImage({ image }: Pick<VolumePlaces, "image">, bytes: number): Promise<void> {
  if (existsSync(image)) return;
  const temporary = `${image}.new`;
  rmSync(temporary, { force: true });
  try {
    await growFile(temporary, bytes);
    // No discard, which would give the reserved space back; no part of it for root, who writes nothing here.
    const options = "lazy_itable_init=1,nodiscard";
    await exec(["mkfs.ext4", "-q", "-F", "-m", "0", "-e", "remount-ro", "-E", options, temporary]);
    renameSync(temporary, image);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Mounts it where it is not mounted, as large as asked for: it may grow, and never shrinks. Before it is mounted it grows
 * with no more than the rights to the file; while servers have it, the kernel has to allow that (CAP_SYS_RESOURCE).
 */
export async function mountImage(places: DiskPlaces, bytes: number): Promise<void> {
  const { image, disk } = places;
  if (statSync(image).size < bytes) await growFile(image, bytes);
  if (mountedAt(disk) === undefined && !(await mountOpen(places))) {
    if (fileSystemBytes(image) < wholeBlocks(bytes)) {
      await exec(["e2fsck", "-f", "-p", image], { accept: [0, 1] }); // 1: it has mended something
      await exec(["resize2fs", image]);
    }
    await fillHoles(image);
    return mountDevice(places);
  }
  if (fileSystemBytes(image) >= wholeBlocks(bytes)) return;
  await exec(["losetup", "--set-capacity", deviceOf(places)]);
  await exec(["resize2fs", deviceOf(places)]);
}

/** Space that an older Kiln has let go is reserved again, as far as there is any: without it, the volume is used all the same. */
async function fillHoles(image: string): Promise<void> {
  await exec(["fallocate", "--length", String(statSync(image).size), image], { accept: "any" });
}

/** A file system ends with a whole block; none of ext4 is larger than this. */
const largestBlock = 65_536;

function wholeBlocks(bytes: number): number {
  return bytes - (bytes % largestBlock);
}

/** By its superblock: the fields s_blocks_count_lo and _hi, and s_log_block_size (Linux, Documentation/filesystems/ext4, "The Super Block"). */
function fileSystemBytes(image: string): number {
  const file = openSync(image, "r");
  try {
    const superblock = Buffer.alloc(1024);
    readSync(file, superblock, 0, superblock.length, 1024);
    const blocks = superblock.readUInt32LE(0x4) + superblock.readUInt32LE(0x150) * 2 ** 32;
    return blocks * 2 ** (10 + superblock.readUInt32LE(0x18));
  } finally {
    closeSync(file);
  }
}

/**
 * `noinit_itable`: in the background, ext4 would fill unused tables of inodes with zeros, and a loop device does that by giving the
 * reserved space back (loop.c, `REQ_OP_WRITE_ZEROES`).
 */
const mountOptions = ["-t", "ext4", "-o", "nosuid,nodev,noexec,noinit_itable"];

async function mountDevice({ image, disk }: DiskPlaces): Promise<void> {
  mkdirSync(disk, { recursive: true, mode: 0o700 });
  const device = await attach(image);
  try {
    await exec(["mount", ...mountOptions, device, disk]);
  } finally {
    // From now on it goes with the mount, or at once where that has failed.
    await exec(["losetup", "--detach", device]);
  }
}

/** Without the page cache in between, which would hold everything twice and cost two fifths of the writes (ADR 19). */
async function attach(image: string): Promise<string> {
  const direct = await exec(["losetup", "--find", "--show", "--direct-io=on", image], { accept: "any" });
  if (direct.code === 0) return direct.stdout.trim();
  return (await exec(["losetup", "--find", "--show", image])).stdout.trim();
}

function deviceOf({ disk }: DiskPlaces): string {
  return mountedAt(disk)?.source ?? "";
}

export async function unmountImage({ disk }: DiskPlaces): Promise<void> {
  while (mountedAt(disk) !== undefined) await unmount(disk);
}

/** Whether the kernel has it open a while after it was unmounted. */
export function staysOpen(places: Pick<VolumePlaces, "image">, clock: Clock): Promise<boolean> {
  return waitUntil(clock, detachMs, () => openDevice(places) === undefined).then((isGone) => !isGone);
}

/** The name of the loop device through which the kernel has it open. */
function openDevice({ image }: Pick<VolumePlaces, "image">): string | undefined {
  if (!existsSync(image)) return undefined;
  const file = realpathSync(image);
  return namesIn("/sys/block").find((name) => name.startsWith("loop") && readBackingFile(name) === file);
}

/**
 * A mount namespace that someone has made (unshare(1), a program that builds an image) may keep a copy of its mount after it
 * was unmounted here. Through the same device it is mounted again: a second one would be a second writer. False when it is
 * not open, or no longer.
 */
async function mountOpen({ image, disk }: DiskPlaces): Promise<boolean> {
  const device = openDevice({ image });
  if (device === undefined) return false;
  const held = openSync(`/dev/${device}`, "r"); // it stays with its file until this is closed
  try {
    if (openDevice({ image }) !== device) return false;
    if (settingOf(device, "ro") !== "0" || settingOf(device, "loop/offset") !== "0") throw isElsewhere(image);
    mkdirSync(disk, { recursive: true, mode: 0o700 });
    await exec(["mount", ...mountOptions, `/dev/${device}`, disk]);
    return true;
  } finally {
    closeSync(held);
  }
}

function isElsewhere(image: string): KilnError {
  return new KilnError("volume_in_use", `The file system ${image} is in use elsewhere, in another way.`, {
    retry: true,
    hint: "`losetup --list` and `findmnt` show where. Kiln tries again.",
  });
}

function readBackingFile(device: string): string | undefined {
  return settingOf(device, "loop/backing_file");
}

function settingOf(device: string, name: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${device}/${name}`, "utf8").trim();
  } catch {
    return undefined; // not attached to a file
  }
}

/** How long the kernel may take to let go of a file system that was unmounted. */
const detachMs = 2_000;

/** Space on the disk for so many bytes; where the file system cannot reserve any, the file has holes. Throws `disk_full`. */
export async function growFile(file: string, bytes: number): Promise<void> {
  const { code, stderr } = await exec(["fallocate", "--length", String(bytes), file], { accept: "any" });
  if (code === 0) return;
  if (!/not supported/i.test(stderr)) throw diskFull(undefined, new Error(stderr.trim()));
  await exec(["truncate", "--size", String(bytes), file]);
}
