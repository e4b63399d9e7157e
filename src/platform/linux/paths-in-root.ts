import { lstatSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";

/** Where a path of an image leads to, once its symbolic links are followed. */
export interface ResolvedPath {
  /** Absolute in the image, without symbolic links. */
  readonly path: string;
  /** Undefined when nothing is there. */
  readonly stats: Stats | undefined;
}

/** As many as the kernel follows: path_resolution(7). */
const mostLinks = 40;

/**
 * Where something is to be made below `root` for this path of an image: links followed, none of which leads out of it. Whatever
 * makes or writes there on an image's or a release's word goes through this. Throws `image_invalid` for a path with `..`.
 */
export function placeInRoot(root: string, path: string): string {
  if (!isPlainPath(path)) {
    throw new KilnError("image_invalid", `${JSON.stringify(path)} is not a path inside of an image.`, {
      hint: "Write the path out from the root, without `..`.",
    });
  }
  return join(root, resolveInRoot(root, path).path);
}

function isPlainPath(path: string): boolean {
  return path.startsWith("/") && !path.includes("\0") && !path.split("/").includes("..");
}

/** Follows symbolic links as a process would that has `root` as its root: none leads out of it. */
export function resolveInRoot(root: string, path: string): ResolvedPath {
  let current = "/";
  let stats = statIfPresent(root);
  let links = 0;
  const rest = path.split("/");
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === "" || part === ".") continue;
    const next = join(current, part); // "/.." is "/"
    stats = statIfPresent(join(root, next));
    if (!stats?.isSymbolicLink()) {
      current = next;
      continue;
    }
    if (++links > mostLinks) throw tooManyLinks(path);
    const target = readlinkSync(join(root, next));
    if (target.startsWith("/")) current = "/";
    stats = statIfPresent(join(root, current));
    rest.unshift(...target.split("/"));
  }
  return { path: current, stats };
}

function statIfPresent(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw error;
  }
}

function tooManyLinks(path: string): KilnError {
  return new KilnError("image_invalid", `${path} in the image is a circle of symbolic links.`);
}
