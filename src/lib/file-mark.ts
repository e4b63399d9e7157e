import type { BigIntStats } from "node:fs";

/** Changes whenever a file is written to, replaced, or has its owner or rights changed. */
export function markOf({ size, mtimeNs, ctimeNs, dev, ino }: BigIntStats): string {
  return [size, mtimeNs, ctimeNs, dev, ino].join(":");
}
