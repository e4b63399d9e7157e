import { readFileSync } from "node:fs";
import { exec } from "../../lib/exec.ts";

/** Mount points of this mount namespace, in the order they were made: /proc/self/mountinfo, proc(5). */
export function readMountPoints(): readonly string[] {
  return parseMountPoints(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Field 5 of each line; blanks and backslashes are written as octal there. */
export function parseMountPoints(mountinfo: string): readonly string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" ")[4])
    .filter((path) => path !== undefined)
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}

/**
 * One layer. mount(8) mounts the file itself where kernel (6.12) and util-linux (2.41) can, through a loop device
 * that goes away with the mount elsewhere.
 */
export function layerMountArgv(file: string, target: string): [string, ...string[]] {
  return ["mount", "-t", "erofs", "-o", "ro,nodev,nosuid", file, target];
}

/**
 * A read-only overlay of `layers` (bottom first) without an upper layer. The layers' paths are relative to the
 * folder that mount(8) runs in: mount(2) takes no more than a page of options.
 */
export function rootMountArgv(layers: readonly string[], target: string): [string, ...string[]] {
  const lower = layers.toReversed().join(":");
  return ["mount", "-t", "overlay", "-o", `ro,nodev,nosuid,lowerdir=${lower}`, "overlay", target];
}

/** Memory that only root reaches, and that `swap: false` (Linux 6.4) keeps off the disk. */
export function memoryMountArgv(
  target: string,
  { bytes, inodes, swap }: { readonly bytes: number; readonly inodes: number; readonly swap: boolean },
): [string, ...string[]] {
  const size = `size=${bytes},nr_inodes=${inodes}`;
  const options = `nosuid,nodev,noexec,mode=0700,${size}${swap ? "" : ",noswap"}`;
  return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", target];
}

export async function mount(argv: [string, ...string[]], folder = "/"): Promise<void> {
  // The newer mount API takes at most 256 bytes per option, too few for `lowerdir`.
  await exec(argv, { cwd: folder, env: { LIBMOUNT_FORCE_MOUNT2: "always" } });
}

/** Unmounts; where somebody still reads there, the mount leaves the tree now and the kernel as soon as it can. */
export async function unmount(target: string): Promise<void> {
  const { code } = await exec(["umount", target], { accept: "any" });
  if (code !== 0) await exec(["umount", "--lazy", target]);
}
