import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { isErrno } from "../../../lib/errors.ts";
import { inodeOf } from "../../../lib/files/file-mark.ts";
import { loopInode, loopState } from "../../../lib/files/loop-device.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { mountErofs, mountedAt, unmount } from "../../linux/mounts.ts";
import type { HostPaths } from "../paths.ts";
import { altered, type LayerFile, markNow } from "./layer-files.ts";

export const servedSchema = z.object({
  /** `MAJOR:MINOR` of the mounted file system. */
  device: z.string(),
  /** `DEVICE:INODE` of the file that is mounted, whatever its name leads to later. */
  inode: z.string(),
  /** Absent where the kernel reads the file without one. */
  loop: z.object({ name: z.string(), state: z.string() }).optional(),
});

/** What the kernel serves a mounted layer from. */
export type Served = Readonly<z.infer<typeof servedSchema>>;

/**
 * Mounts a layer and notes what it is served from, for as long as it is mounted. Throws `image_invalid` when the file
 * was exchanged since it was found right: `isRight` has looked at it, and nothing has touched it after that.
 */
export async function serveLayer(
  paths: HostPaths,
  layer: LayerFile,
  isRight: (layer: LayerFile) => Promise<void>,
): Promise<void> {
  const target = join(paths.layers, layer.name);
  await isRight(layer);
  const mark = markNow(layer.file);
  await mountErofs(layer.file, target);
  const served = await servedAt(layer.file, target);
  if (served === undefined || mark === undefined || markNow(layer.file) !== mark) {
    await unmount(target);
    throw altered(layer.file);
  }
  mkdirSync(paths.served, { recursive: true, mode: 0o700 });
  writeFileSync(join(paths.served, layer.name), JSON.stringify(served));
}

/** Undefined when it is not served from this file. */
async function servedAt(file: string, target: string): Promise<Served | undefined> {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  const mounted = mountedAt(target);
  if (stat === undefined || mounted === undefined) return undefined;
  const inode = inodeOf(stat);
  if (!mounted.source.startsWith("/dev/loop")) return { inode, device: mounted.device };
  const name = basename(mounted.source);
  const state = loopState(name);
  if ((await loopInode(name)) !== inode || loopState(name) !== state) return undefined;
  return { inode, device: mounted.device, loop: { name, state } };
}

/** Undefined for a layer that an older Kiln has mounted. */
export function readServed(paths: HostPaths, layer: string): Served | undefined {
  try {
    return servedSchema.parse(JSON.parse(readFileSync(join(paths.served, layer), "utf8")));
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError || error instanceof z.ZodError)
      return undefined;
    throw error;
  }
}

/** Forgets layers that are not mounted any more. */
export function forgetServed(paths: HostPaths, mounted: ReadonlySet<string>): void {
  for (const name of namesIn(paths.served))
    if (!mounted.has(name)) rmSync(join(paths.served, name), { force: true });
}
