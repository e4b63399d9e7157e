import { lstatSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";

/** A character device of this machine. */
export interface Device {
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** Permission bits, which are the same in the server. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** /dev/mem, /dev/kmem and /dev/port: the memory of the kernel and of all others. Linux, admin-guide/devices.txt, major 1. */
const memoryMinors = [1, 2, 4];

/**
 * What this path of /dev is now. Throws `shape_unsupported` where it is not a character device, or is one that no server ever gets: disks and
 * the machine's memory hold what belongs to all others.
 */
export function findDevice(path: string): Device {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw unsupported(`this machine has no ${path}`, "Connect it or load its driver.");
  if (found.isBlockDevice()) throw unsupported(`${path} is a block device`, volumes);
  if (found.isSymbolicLink()) throw unsupported(`${path} is a symbolic link`, "Name what it leads to.");
  if (!found.isCharacterDevice()) throw unsupported(`${path} is not a device`, "Name a character device.");
  const { mode, uid, gid } = found;
  const { major, minor } = numbersOf(found.rdev);
  if (major === 1 && memoryMinors.includes(minor))
    throw unsupported(`${path} is the memory of the machine`, "Remove it from `servers.devices`.");
  return { path, major, minor, mode: mode & 0o777, uid, gid };
}

const volumes = "No server gets a whole disk; data belongs in `servers.volumes`.";

/** makedev(3): how both numbers are packed for user space. */
function numbersOf(packed: number): Pick<Device, "major" | "minor"> {
  const rdev = BigInt(packed);
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n);
  return { major: Number(major), minor: Number(minor) };
}

function unsupported(what: string, hint: string): KilnError {
  return new KilnError("shape_unsupported", `Servers cannot have what \`servers.devices\` names: ${what}.`, {
    hint,
  });
}
