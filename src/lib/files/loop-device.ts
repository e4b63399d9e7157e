import { exec } from "../process/exec.ts";
import { readIfThere } from "../process/proc.ts";

/** The loop device of a mounted file, and everything that decides which bytes it serves. */
export interface LoopDevice {
  /** `loop3` */
  readonly name: string;
  /** The result of `loopState` when the device was found to serve the right file. */
  readonly state: string;
}

/**
 * Evidence that the device serves the same bytes of the same file: `diskseq` grows whenever it gets another one (Linux
 * 5.15, Documentation/ABI/stable/sysfs-block), also by LOOP_CHANGE_FD under a mounted file system; the other files name
 * the file and the part of it. Empty when the device does not exist.
 */
export function loopState(name: string): string {
  return ["diskseq", "loop/backing_file", "loop/offset", "loop/sizelimit"]
    .map((file) => readIfThere(`/sys/block/${name}/${file}`) ?? "")
    .join("");
}

/** `DEVICE:INODE` of the file that a loop device really serves, independent of its name: losetup(8). */
export async function loopInode(name: string): Promise<string> {
  const columns = "BACK-MAJ:MIN,BACK-INO";
  const { stdout } = await exec(["losetup", "--list", "--noheadings", "-O", columns, `/dev/${name}`]);
  const [device = "", inode = ""] = stdout.trim().split(/\s+/);
  return `${device}:${inode}`;
}
