import { exec } from "./exec.ts";
import { readIfThere } from "./proc.ts";

/** A loop device that a file is mounted through, and all that decides what it serves. */
export interface LoopDevice {
  /** `loop3` */
  readonly name: string;
  /** What `loopState` gave when the device was found to serve the right file. */
  readonly state: string;
}

/**
 * What says that the device serves the same bytes of the same file: `diskseq` grows whenever it is given another one (Linux
 * 5.15, Documentation/ABI/stable/sysfs-block), also by LOOP_CHANGE_FD under a mounted file system; the other files name
 * the file and the part of it. Empty when there is no such device.
 */
export function loopState(name: string): string {
  return ["diskseq", "loop/backing_file", "loop/offset", "loop/sizelimit"]
    .map((file) => readIfThere(`/sys/block/${name}/${file}`) ?? "")
    .join("");
}

/** `DEVICE:INODE` of the file that a loop device really has, whatever name leads there: losetup(8). */
export async function loopInode(name: string): Promise<string> {
  const columns = "BACK-MAJ:MIN,BACK-INO";
  const { stdout } = await exec(["losetup", "--list", "--noheadings", "-O", columns, `/dev/${name}`]);
  const [device = "", inode = ""] = stdout.trim().split(/\s+/);
  return `${device}:${inode}`;
}
