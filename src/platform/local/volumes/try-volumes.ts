import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { toKilnError } from "../../../lib/errors.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { Gap } from "../../contract/readiness.ts";
import { makeImage, mountImage, unmountImage } from "./disk-image.ts";

const leastBytes = 16 * 1024 * 1024;

/** What volumes can do in this folder's file system: whether they can have a size, and what their snapshots cost. */
export async function tryVolumes(
  folder: string,
): Promise<{ readonly facts: readonly string[]; readonly gaps: readonly Gap[] }> {
  const places = { image: join(folder, "volume"), disk: join(folder, "disk") };
  const snapshots = (await sharesBlocks(folder)) ? "snapshots share blocks" : "snapshots are copies";
  try {
    await makeImage(places, leastBytes);
    await mountImage(places, leastBytes);
    return { facts: [`volumes with a size, ${snapshots}`], gaps: [] };
  } catch (error) {
    const gap: Gap = {
      what: `Volumes cannot have a size: ${toKilnError(error).message}`,
      remedy:
        "Install e2fsprogs, and use a kernel with ext4 and loop devices. Volumes without `size` work all the same.",
      severity: "degraded",
    };
    return { facts: [`volumes without a size, ${snapshots}`], gaps: [gap] };
  } finally {
    await unmountImage(places);
  }
}

async function sharesBlocks(folder: string): Promise<boolean> {
  writeFileSync(join(folder, "blocks"), "x".repeat(4096));
  const copy = ["cp", "--reflink=always", join(folder, "blocks"), join(folder, "blocks-copy")] as const;
  return (await exec(copy, { accept: "any" })).code === 0;
}
