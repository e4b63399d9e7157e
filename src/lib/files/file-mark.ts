import type { BigIntStats } from "node:fs";

/** Changes whenever a file is written to, replaced, or has its owner or rights changed. */
export function markOf({ size, mtimeNs, ctimeNs, dev, ino }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, dev, ino].join(":");
}

/** `MAJOR:MINOR:INODE` with the device's number as losetup(8) and /proc/PID/mountinfo write it: makedev(3). */
export function inodeOf({ dev, ino }: Pick<BigIntStats, "dev" | "ino">): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `${major}:${minor}:${ino}`;
}
