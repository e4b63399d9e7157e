import { type BigIntStats, closeSync, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { FileSpec } from "../../domain/spec/image-spec.ts";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { openExactly } from "../../lib/files/open-exactly.ts";
import type { Pace } from "../../lib/time/pace.ts";
import { type InputIndex, unreadable } from "../layers/input-index.ts";
import { Offenders } from "../layers/offenders.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { Hits, IgnoreSource, ProjectIgnore } from "./project-ignore.ts";

/** One path that `files` adds to the image; its owner and the folders above it are not decided yet. */
export interface ProjectFile {
  /** The index of its entry in `files`, from 0. */
  readonly entry: number;
  /** In the form of `Entry.path`, before symlinks of the image are followed. */
  readonly to: string;
  readonly type: Extract<TarEntry["type"], "file" | "folder" | "symlink">;
  readonly mode: number;
  /** As in the spec: name or uid, optionally `:group`. */
  readonly owner: string;
  /** A folder without a stated mode and owner: an existing folder of the image keeps its own. */
  readonly keepsPresent?: boolean;
  readonly link?: string;
  /** Of a symlink whose target exists on this machine: whether the target is in the project. */
  readonly leads?: "inside" | "outside";
  /** Of a file: where its bytes are, how many, and their sha256. */
  readonly source?: { readonly path: string; readonly length: number; readonly sha256: string };
}

/** A path of the project, relative to its folder, that patterns leave out with all below it. */
export interface LeftOut {
  readonly path: string;
  readonly by: IgnoreSource;
}

export interface WalkOptions {
  readonly projectFolder: string;
  /** Never copied from any folder. */
  readonly stateFolder: string;
  readonly ignore: ProjectIgnore;
  readonly index: InputIndex;
  readonly nowMs: number;
  readonly pace: Pace;
}

/**
 * Everything that `files` names, in the order of the spec, without ignored paths and Kiln's own state. Symlinks stay
 * symlinks: nothing is ever copied through one. Throws `file_missing`, `path_escapes` for an entry outside the project,
 * `file_changed`; and `file_unsupported` or `file_unreadable` with all paths that an image cannot have or that are
 * unreadable.
 */
export async function readProjectFiles(
  specs: readonly FileSpec[],
  options: WalkOptions,
): Promise<{ readonly files: readonly ProjectFile[]; readonly leftOut: readonly LeftOut[] }> {
  const project = realpathSync(options.projectFolder);
  const size = { bytes: 0, files: 0 };
  const walk = { ...options, project, found: [], leftOut: [], offenders: new Offenders(), size };
  for (const [entry, spec] of specs.entries()) {
    const from = sourceOf(spec, project);
    const to = targetOf(spec, from);
    await visit({ entry, spec, ...walk }, { path: from, to, hits: options.ignore.start });
  }
  walk.offenders.check();
  return { files: walk.found, leftOut: walk.leftOut };
}

interface Walk extends WalkOptions {
  readonly entry: number;
  readonly spec: FileSpec;
  /** The real path of the project. */
  readonly project: string;
  readonly found: ProjectFile[];
  readonly leftOut: LeftOut[];
  readonly offenders: Offenders;
  /** Of the files so far. */
  readonly size: { bytes: number; files: number };
}

/** The position of a walk: a path on this machine, and its path in the image. */
interface Spot {
  readonly path: string;
  readonly to: string;
  readonly hits: Hits;
  /** Excluded by patterns; walked only for exceptions below it. */
  readonly by?: IgnoreSource | undefined;
}

/** Where `from` really is; itself a symlink, it may point to another place in the project. */
function sourceOf(spec: FileSpec, project: string): string {
  try {
    const real = realpathSync(spec.from);
    if (isInside(project, real)) return real;
    throw new KilnError("path_escapes", `${spec.from} is outside the project: it is ${real}.`, {
      hint: `Copy the file into ${project} and name the copy.`,
    });
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw unreadable(spec.from, error);
    throw new KilnError(
      "file_missing",
      `The file or folder ${spec.from}, which \`files\` names, does not exist.`,
      {
        hint: "Paths in `files` are relative to the folder of kiln.yaml.",
      },
    );
  }
}

/** A target that ends in a slash is the folder that a single file goes into. */
function targetOf(spec: FileSpec, from: string): string {
  const into = spec.to.endsWith("/") && !lstatSync(from).isDirectory();
  return (into ? join(spec.to, spec.from.slice(spec.from.lastIndexOf("/") + 1)) : spec.to).replace(
    /^\/+|\/+$/g,
    "",
  );
}

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === sep ? sep : folder + sep);
}

async function visit(walk: Walk, spot: Spot, stat = statOf(walk, spot.path)): Promise<void> {
  if (stat === undefined || walk.offenders.refuses(spot.path, spot.to, stat)) return;
  const common = { entry: walk.entry, to: spot.to, owner: walk.spec.owner ?? "0:0" };
  if (stat.isDirectory()) await visitFolder(walk, spot, common);
  else if (stat.isSymbolicLink()) {
    walk.found.push({ ...common, type: "symlink", mode: 0o777, ...linkOf(walk.project, spot.path) });
  } else {
    const source = await sourceFile(walk, spot.path, stat);
    if (source) walk.found.push({ ...common, type: "file", mode: fileMode(walk.spec, stat), source });
  }
}

/** An excluded folder is still created when an exception brings back something in it. */
async function visitFolder(
  walk: Walk,
  spot: Spot,
  common: Pick<ProjectFile, "entry" | "to" | "owner">,
): Promise<void> {
  const before = walk.found.length;
  await visitChildren(walk, spot);
  if (spot.to === "" || (spot.by !== undefined && walk.found.length === before)) return;
  const keepsPresent = walk.spec.mode === undefined && walk.spec.owner === undefined;
  walk.found.splice(before, 0, { ...common, type: "folder", mode: folderMode(walk.spec), keepsPresent });
}

async function visitChildren(walk: Walk, { path, to, hits }: Spot): Promise<void> {
  for (const name of namesOf(walk, path)) {
    const child = join(path, name);
    if (child === walk.stateFolder) continue;
    const wait = walk.pace();
    if (wait) await wait;
    const stat = statOf(walk, child);
    if (stat === undefined) continue;
    const below = relative(walk.project, child);
    const judged = walk.ignore.judge(below, hits, stat.isFile() ? child : undefined);
    const spot = { path: child, to: to === "" ? name : `${to}/${name}`, ...judged };
    if (judged.by === undefined) await visit(walk, spot, stat);
    else await visitLeftOut(walk, spot, below, stat, judged.by);
  }
}

async function visitLeftOut(
  walk: Walk,
  spot: Spot,
  path: string,
  stat: BigIntStats,
  by: IgnoreSource,
): Promise<void> {
  const before = walk.found.length;
  if (stat.isDirectory() && walk.ignore.mayHold(path)) await visit(walk, spot, stat);
  if (walk.found.length === before) walk.leftOut.push({ path, by });
}

/** Of the folder that lies at `path` itself: another may have been put in its place by a link. */
function namesOf({ offenders }: Walk, path: string): string[] {
  try {
    const folder = openExactly(path, "folder");
    try {
      return readdirSync(`/proc/self/fd/${folder}`).sort();
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    offenders.unreadable(path, error);
    return [];
  }
}

function statOf({ offenders }: Walk, path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    offenders.unreadable(path, error);
    return undefined;
  }
}

async function sourceFile(
  { index, nowMs, pace, offenders, size }: Walk,
  path: string,
  stat: BigIntStats,
): Promise<ProjectFile["source"]> {
  addTo(size, path, stat);
  try {
    return { path, length: Number(stat.size), sha256: await index.digest(path, stat, nowMs, pace) };
  } catch (error) {
    offenders.unreadable(path, error);
    return undefined;
  }
}

/** As much as a layer of a base may unpack to, and more than any project: a sparse file of a terabyte is soon made. */
const most = { bytes: 32 * 2 ** 30, files: 1_000_000 };

function addTo(size: Walk["size"], path: string, stat: BigIntStats): void {
  size.bytes += Number(stat.size);
  size.files += 1;
  if (size.bytes <= most.bytes && size.files <= most.files) return;
  const what =
    size.files > most.files ? `more than ${most.files} files` : `more than ${most.bytes / 2 ** 30} GiB`;
  throw new KilnError("file_unsupported", `\`files\` brings ${what} into the image, up to ${path}.`, {
    hint: "Leave out what servers do not need, with `image.exclude` or a .dockerignore.",
  });
}

function fileMode(spec: FileSpec, stat: BigIntStats): number {
  return spec.mode ?? ((stat.mode & 0o100n) === 0n ? 0o644 : 0o755);
}

/** A user who may read a folder may also enter it. */
function folderMode(spec: FileSpec): number {
  return spec.mode === undefined ? 0o755 : spec.mode | ((spec.mode & 0o444) >> 2);
}

/** A symlink is kept unchanged. `links.ts` checks its target when the image is complete. */
function linkOf(project: string, path: string): Pick<ProjectFile, "link" | "leads"> {
  const link = readlinkSync(path);
  try {
    return { link, leads: isInside(project, realpathSync(path)) ? "inside" : "outside" };
  } catch {
    return { link }; // without a target here as well
  }
}
