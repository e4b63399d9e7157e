import type { FileHandle } from "node:fs/promises";
import { type Disk, grainBytes, grainsOf } from "./pieces.ts";

/** The disk's bytes; zeros are left out of the file. */
export async function writeRaw(file: FileHandle, disk: Disk, signal: AbortSignal): Promise<void> {
  await file.truncate(disk.bytes);
  for await (const { index, bytes } of grainsOf(disk, signal)) {
    const at = index * grainBytes;
    await file.write(bytes, 0, Math.min(grainBytes, disk.bytes - at), at);
  }
}
