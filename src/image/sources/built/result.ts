import { existsSync, lstatSync, rmSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KilnError } from "../../../lib/errors.ts";
import { digestOf } from "../../../lib/files/sha256.ts";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import { blobSize } from "../../store/image-store.ts";
import { useResult } from "../../store/unused-results.ts";
import { openOciLayout } from "../layout/oci-layout.ts";
import type { Base, OpenCall } from "../source.ts";

/** In a result: the image layout, and what it was built on. buildah tells only of the last stage. */
const [layoutName, basesName] = ["layout", "bases"];

/** What was built before and is kept at `result`; undefined when it is not there, or not whole. */
export async function openResult(result: string, call: OpenCall): Promise<Base | undefined> {
  const layout = join(result, layoutName);
  if (!(await useResult(result)) || !existsSync(layout)) return undefined;
  const made = await openOciLayout({ kind: "oci", path: layout, ref: undefined }, call, ({ digest }) =>
    rmSync(blobIn(layout, digest), { force: true }),
  ); // the image store has the layer from now on
  if (!isWhole(made, layout, call)) return undefined;
  const bases = (await readFile(join(result, basesName), "utf8")).split(" ").filter((one) => one !== "");
  return { ...made, bases: [...new Set([...bases, ...(made.bases ?? [])])] };
}

/** Over the files and the configuration alone: how buildah writes a manifest does not count. */
export function contentOf({ diffIds, process }: Base): string {
  return digestOf(JSON.stringify([diffIds, process]));
}

/** Layers that neither the result nor the image store has can only be built again. */
function isWhole({ diffIds = [] }: Base, layout: string, { place }: OpenCall): boolean {
  return diffIds.every((id) => blobSize(place.store, id) !== undefined || existsSync(blobIn(layout, id)));
}

function blobIn(layout: string, digest: string): string {
  return join(layout, "blobs/sha256", digest.slice("sha256:".length));
}

/**
 * Moves the layout that a program which is not trusted has written to its place. Nothing is written within it, and its folders must be
 * folders: through a link, the removal of a blob would reach
 * another folder. Throws `image_invalid`.
 */
export async function keepResult(
  layout: string,
  bases: readonly string[],
  result: string,
  { place }: OpenCall,
): Promise<void> {
  for (const folder of [layout, join(layout, "blobs"), join(layout, "blobs/sha256")]) {
    if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new KilnError("image_invalid", "The build has not left an image layout.");
  }
  const whole = temporaryPath(place.store.temporary);
  await mkdir(whole, { mode: 0o700 });
  await writeFile(join(whole, basesName), bases.join(" "));
  await rename(layout, join(whole, layoutName));
  await mkdir(dirname(result), { recursive: true, mode: 0o700 });
  await rm(result, { recursive: true, force: true });
  await rename(whole, result);
}
