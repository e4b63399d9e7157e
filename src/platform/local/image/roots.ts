import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { withUmask } from "../../../lib/files/umask.ts";
import { readIfThere } from "../../../lib/process/proc.ts";
import type { HostImage } from "../../contract/images.ts";
import { mount, mountedAt, readMountPoints, rootMountArgv, unmount } from "../../linux/mounts.ts";
import { placeInRoot, resolveInRoot } from "../../linux/paths-in-root.ts";
import { isForEverybody, type MountPoint } from "../../linux/skeleton.ts";
import type { HostPaths } from "../paths.ts";
import { type LayerFile, protectLayer, releaseLayers, type VerifyLayer } from "./layer-files.ts";
import { forgetServed, readServed, serveLayer } from "./served-layers.ts";

/** A root file system that servers of one image with the same mount points share. */
export interface Root {
  /** Names it and its mount point: a digest of all that decides what it holds. */
  readonly name: string;
  /** Bottom first; `name` is that of the layer's mount point. */
  readonly layers: readonly LayerFile[];
  readonly points: readonly MountPoint[];
}

/** Which mounts are still needed. */
export interface RootsInUse {
  readonly roots: ReadonlySet<string>;
  readonly layers: ReadonlySet<string>;
}

export function describeRoot(image: HostImage, points: readonly MountPoint[]): Root {
  const layers = image.layers.map(describeLayer);
  return { name: shortDigest(JSON.stringify([layers.map(({ name }) => name), points])), layers, points };
}

/**
 * A file that was made again, because it had been altered, has the same digest as before, but what is mounted already
 * is still the altered one: the inode tells them apart.
 */
function describeLayer({ file, sha256 }: HostImage["layers"][number]): LayerFile {
  const digest = sha256.replace(/^sha256:/, "");
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return { name: shortDigest(`${digest} ${stat?.dev}:${stat?.ino}`), file, sha256: digest };
}

export function rootPath(paths: HostPaths, name: string): string {
  return join(paths.roots, name);
}

/**
 * Mounts the root and its layers where they are not mounted. One at a time: callers hold a lock.
 * Throws `image_invalid` when the image has something at a mount point that nothing can be mounted on, and what
 * `verify` throws of a layer that is about to be mounted.
 */
export async function ensureRoot(paths: HostPaths, root: Root, verify: VerifyLayer): Promise<void> {
  const target = rootPath(paths, root.name);
  if (await isUncovered(target, rootDevice(paths, root.name))) return;
  const missing: LayerFile[] = [];
  for (const layer of root.layers) {
    const device = readServed(paths, layer.name)?.device;
    if (!(await isUncovered(join(paths.layers, layer.name), device))) missing.push(layer);
  }
  await Promise.all(uniqueByName(missing).map((layer) => mountLayer(paths, layer, verify)));
  extendSkeleton(paths, root, root.points);
  await mountOverlay(paths, root);
  await completeSkeleton(paths, root);
}

/**
 * Mounts a root that holds the mount points alone; its layers are files that something reads by itself. Otherwise as `ensureRoot`.
 */
export async function ensureBareRoot(paths: HostPaths, root: Root, verify: VerifyLayer): Promise<void> {
  await Promise.all(uniqueByName(root.layers).map(verify));
  if (await isUncovered(rootPath(paths, root.name), rootDevice(paths, root.name))) return;
  extendSkeleton(paths, root, root.points);
  // An overlay has two layers at least.
  mkdirSync(join(paths.skeletons, "empty"), { recursive: true, mode: 0o755 });
  await mountOverlay(paths, { ...root, layers: [] }, ["empty"]);
  writeFileSync(readyMark(paths, root), mountedAt(rootPath(paths, root.name))?.device ?? "");
}

/**
 * Whether what Kiln has mounted there is what everyone sees: other mounts over it, or below, go first.
 * Without its number this cannot be known: then it is mounted again.
 */
async function isUncovered(target: string, device: string | undefined): Promise<boolean> {
  for (const point of readMountPoints().toReversed()) {
    const isOurs = point === target && device !== undefined && mountedAt(target)?.device === device;
    if (isOurs) return true;
    if (point === target || point.startsWith(`${target}/`)) await unmount(point);
  }
  return false;
}

/** The number of the root file system that Kiln has mounted; undefined when it is not ready. */
export function rootDevice(paths: HostPaths, name: string): string | undefined {
  return readIfThere(readyMark(paths, { name })) || undefined;
}

/** Protected first: what is checked then is what is mounted. */
async function mountLayer(paths: HostPaths, layer: LayerFile, verify: VerifyLayer): Promise<void> {
  mkdirSync(join(paths.layers, layer.name), { recursive: true, mode: 0o700 });
  await protectLayer(paths, layer);
  await serveLayer(paths, layer, verify);
}

async function mountOverlay(paths: HostPaths, root: Root, skeletons: readonly string[] = []): Promise<void> {
  const target = rootPath(paths, root.name);
  for (const folder of [target, paths.layers]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const below = [...skeletons, root.name].map((name) => relative(paths.layers, join(paths.skeletons, name)));
  const layers = root.layers.map(({ name }) => name);
  await mount(rootMountArgv([...below, ...layers], target), paths.layers);
}

/**
 * The image wins over the skeleton, also where it has a symbolic link that leads nowhere: then the skeleton gets
 * what the link points to. The mark says that this has been looked at; it must not be looked at in a mounted root
 * that is not complete.
 */
async function completeSkeleton(paths: HostPaths, root: Root): Promise<void> {
  const missing = missingPoints(rootPath(paths, root.name), root.points);
  if (missing.length > 0) {
    await unmount(rootPath(paths, root.name));
    extendSkeleton(paths, root, missing);
    await mountOverlay(paths, root);
  }
  writeFileSync(readyMark(paths, root), mountedAt(rootPath(paths, root.name))?.device ?? "");
}

function missingPoints(target: string, points: readonly MountPoint[]): readonly MountPoint[] {
  return points.flatMap(({ path, type }) => {
    const { path: resolved, stats } = resolveInRoot(target, path);
    if (!stats) return [{ path: resolved, type }];
    if (stats.isDirectory() !== (type === "folder")) throw wrongType(path, type);
    return [];
  });
}

function wrongType(path: string, type: "folder" | "file"): KilnError {
  return new KilnError(
    "image_invalid",
    `The image has ${path}, but not as a ${type}: a server needs a ${type} there.`,
    {
      hint: `Remove ${path} from the image, or make it a ${type}.`,
    },
  );
}

function extendSkeleton(paths: HostPaths, root: Root, points: readonly MountPoint[]): void {
  const skeleton = join(paths.skeletons, root.name);
  makeFolders(skeleton, "/");
  for (const { path, type } of points) {
    makeFolders(skeleton, type === "folder" ? path : dirname(path));
    // runc gives a tmpfs the mode of the folder that it is mounted on.
    if (isForEverybody(path)) chmodSync(placeInRoot(skeleton, path), 0o1777);
    if (type === "file") writeFileSync(placeInRoot(skeleton, path), "");
  }
}

/** Readable for everyone, whatever the umask is: a server's user walks through them. */
function makeFolders(skeleton: string, path: string): void {
  withUmask(0o022, () => mkdirSync(placeInRoot(skeleton, path), { recursive: true, mode: 0o755 }));
}

function readyMark(paths: HostPaths, root: Pick<Root, "name">): string {
  return join(paths.skeletons, `${root.name}.ready`);
}

/** Unmounts what no server uses: roots first, then the layers below them. Callers hold the same lock. */
export async function sweepRoots(paths: HostPaths, inUse: RootsInUse): Promise<void> {
  await sweepMounts(paths.roots, inUse.roots);
  await sweepMounts(paths.layers, inUse.layers);
  forgetServed(paths, inUse.layers);
  await releaseLayers(paths, inUse.layers);
}

async function sweepMounts(folder: string, used: ReadonlySet<string>): Promise<void> {
  const unused = namesIn(folder).filter((name) => !used.has(name));
  if (unused.length === 0) return;
  const mounted = readMountPoints();
  await Promise.all(unused.map((name) => removeMountPoint(join(folder, name), mounted)));
}

/**
 * Without its mount point, what a killed controller has left on its way cannot mount any more; where it was faster,
 * the folder is busy and looked at again. The same place may have been mounted on more than once.
 */
async function removeMountPoint(path: string, mounted: readonly string[]): Promise<void> {
  for (const mount of mounted) if (mount === path) await unmount(path);
  try {
    rmdirSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "EBUSY")) throw error;
    const still = readMountPoints();
    if (still.includes(path)) await removeMountPoint(path, still);
  }
}

/** Removes the folders of roots that are not mounted any more. */
export function removeSkeletons(paths: HostPaths): void {
  rmSync(paths.skeletons, { recursive: true, force: true });
}

function uniqueByName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return [...new Map(items.map((item) => [item.name, item])).values()];
}

/** 96 bits: short enough for the names of 150 layers to fit into one page of mount options. */
function shortDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}
