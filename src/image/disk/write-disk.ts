import { type FileHandle, open, rename, rm, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isErrno, KilnError, toKilnError } from "../../lib/errors.ts";
import { writeGce } from "./gce.ts";
import type { Disk } from "./pieces.ts";
import { writeQcow2 } from "./qcow2.ts";
import { writeRaw } from "./raw.ts";
import { writeVhd } from "./vhd.ts";
import { writeVmdk } from "./vmdk.ts";

/** Formats of disks, and of a boot program alone, each with how one is written into an empty file. */
const writers = {
  raw: writeRaw,
  qcow2: writeQcow2,
  vmdk: writeVmdk,
  vhd: writeVhd,
  gce: writeGce,
  uki: writeRaw,
} as const satisfies Readonly<
  Record<string, (file: FileHandle, disk: Disk, signal: AbortSignal) => Promise<void>>
>;

export type DiskFormat = keyof typeof writers;

/** What was written. */
export interface WrittenDisk {
  /** As programs see the disk. */
  readonly bytes: number;
  /** What the file takes: zeros take nothing. */
  readonly storedBytes: number;
}

/**
 * Writes the disk that `make` describes to `path`, which appears only when it is whole; what can be wrong with the place is found before. Throws `usage` when something is there already that is not to be replaced, or
 * no file can be made there, and `disk_full`.
 */
export async function writeDisk(
  path: string,
  make: () => Promise<Disk>,
  { format, replace }: { readonly format: DiskFormat; readonly replace: boolean },
  signal: AbortSignal,
): Promise<WrittenDisk> {
  const fill = async (file: FileHandle) => {
    try {
      const disk = await make();
      await requireSpace(path, disk);
      await writers[format](file, disk, signal);
      await file.sync();
      return disk.bytes;
    } finally {
      await file.close();
    }
  };
  await refuseToReplace(path, replace);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
  try {
    const bytes = await fill(await openNew(temporary, path));
    const { blocks } = await stat(temporary);
    await refuseToReplace(path, replace);
    await rename(temporary, path);
    return { bytes, storedBytes: blocks * 512 };
  } catch (error) {
    await rm(temporary, { force: true });
    throw isErrno(error, "ENOSPC") || isErrno(error, "EDQUOT") ? toKilnError(error, dirname(path)) : error;
  }
}

/** Only files are replaced: a device would keep what it had where the disk has zeros. */
async function refuseToReplace(path: string, replace: boolean): Promise<void> {
  const found = await stat(path).catch(() => undefined); // making the file gives the better error
  if (found === undefined || (found.isFile() && replace)) return;
  if (found.isFile())
    throw new KilnError("usage", `${path} already exists.`, {
      hint: "Name another file with `--output`, or add `--force` to replace this one.",
    });
  throw new KilnError("usage", `${path} is not a file.`, { hint: "`--output FILE` names a new file." });
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "the folder does not exist",
  ENOTDIR: "a part of the path is a file, not a folder",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "its file system is read-only",
};

async function openNew(temporary: string, path: string): Promise<FileHandle> {
  try {
    return await open(temporary, "wx", 0o666);
  } catch (error) {
    const [, why] = Object.entries(reasons).find(([code]) => isErrno(error, code)) ?? [];
    if (why === undefined) throw error;
    throw new KilnError("usage", `${path} cannot be written: ${why}.`, {
      hint: "`--output FILE` names a file in a folder that you may write to.",
      cause: error,
    });
  }
}

/** Seconds of work are not begun when they cannot end well; what fills up meanwhile is still an error of its own. */
async function requireSpace(path: string, { pieces }: Disk): Promise<void> {
  const needed = pieces.reduce(
    (sum, piece) => sum + ("bytes" in piece ? piece.bytes.length : piece.length),
    0,
  );
  const { bavail, bsize } = await statfs(dirname(path));
  if (bavail * bsize >= needed) return;
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new KilnError(
    "disk_full",
    `${dirname(path)} has ${mebibytes(bavail * bsize)} left; the disk takes ${mebibytes(needed)}.`,
    { hint: "Free some space, or name a file on another file system with `--output`.", retry: true },
  );
}
