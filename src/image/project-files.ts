import { type BigIntStats, lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import type { FileSpec } from "../domain/spec.ts";
import { isErrno, KilnError } from "../lib/errors.ts";
import type { Pace } from "../lib/pace.ts";
import type { Entry } from "./entry.ts";
import { type InputIndex, unreadable } from "./input-index.ts";

/** One path that `files` brings into the image; its owner and the folders above it are still open. */
export interface ProjectFile {
  /** Which entry of `files` brings it, from 0. */
  readonly entry: number;
  /** In the form of `Entry.path`, before symlinks of the image are followed. */
  readonly to: string;
  readonly type: Extract<Entry["type"], "file" | "folder" | "symlink">;
  readonly mode: number;
  /** As in the spec: name or uid, optionally `:group`. */
  readonly owner: string;
  /** A folder whose mode and owner nobody stated: one that the image has already keeps its own. */
  readonly keepsPresent?: boolean;
  readonly link?: string;
  /** Of a file: where its bytes are, how many, and their sha256. */
  readonly source?: { readonly path: string; readonly length: number; readonly sha256: string };
}

export interface WalkOptions {
  readonly projectFolder: string;
  /** Never copied, wherever it lies. */
  readonly stateFolder: string;
  readonly index: InputIndex;
  readonly nowMs: number;
  readonly pace: Pace;
}

/**
 * Everything that `files` names, in the order of the spec. `.git` and Kiln's own state are left out. Throws
 * `file_missing`, `file_unreadable`, `file_unsupported`, `file_changed`, and `path_escapes` for what lies, or points,
 * outside the folder that is copied.
 */
export async function readProjectFiles(
  specs: readonly FileSpec[],
  options: WalkOptions,
): Promise<ProjectFile[]> {
  const project = realpathSync(options.projectFolder);
  const found: ProjectFile[] = [];
  for (const [entry, spec] of specs.entries()) {
    const from = sourceOf(spec, project);
    const to = targetOf(spec, from);
    await walk({ entry, spec, root: from, found, ...options }, from, to, statOf(from));
  }
  return found;
}

interface Walk extends WalkOptions {
  readonly entry: number;
  readonly spec: FileSpec;
  /** The real path of what `from` names. */
  readonly root: string;
  readonly found: ProjectFile[];
}

/** Where `from` really is; itself a symlink, it may point to another place in the project. */
function sourceOf(spec: FileSpec, project: string): string {
  try {
    const real = realpathSync(spec.from);
    if (isInside(project, real)) return real;
    throw new KilnError("path_escapes", `${spec.from} lies outside the project: it is ${real}.`, {
      hint: `Copy it into ${project} and name the copy.`,
    });
  } catch (error) {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw unreadable(spec.from, error);
    throw new KilnError("file_missing", `There is no file or folder ${spec.from}, which \`files\` names.`, {
      hint: "Paths in `files` count from the folder of kiln.yaml.",
    });
  }
}

/** A target that ends in a slash is the folder that a single file goes into. */
function targetOf(spec: FileSpec, from: string): string {
  const into = spec.to.endsWith("/") && !statOf(from).isDirectory();
  return (into ? join(spec.to, spec.from.slice(spec.from.lastIndexOf("/") + 1)) : spec.to).replace(
    /^\/+|\/+$/g,
    "",
  );
}

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === sep ? sep : folder + sep);
}

async function walk(context: Walk, path: string, to: string, stat: BigIntStats): Promise<void> {
  const common = { entry: context.entry, to, owner: context.spec.owner ?? "0:0" };
  if (stat.isDirectory()) {
    const keepsPresent = context.spec.mode === undefined && context.spec.owner === undefined;
    if (to !== "") {
      context.found.push({ ...common, type: "folder", mode: folderMode(context.spec), keepsPresent });
    }
    await walkChildren(context, path, to);
  } else if (stat.isSymbolicLink()) {
    context.found.push({ ...common, type: "symlink", mode: 0o777, link: linkOf(context.root, path) });
  } else if (stat.isFile()) {
    const sha256 = await context.index.digest(path, stat, context.nowMs, context.pace);
    const source = { path, length: Number(stat.size), sha256 };
    context.found.push({ ...common, type: "file", mode: fileMode(context.spec, stat), source });
  } else throw unsupported(path, stat);
}

async function walkChildren(context: Walk, path: string, to: string): Promise<void> {
  for (const name of namesOf(path)) {
    const child = join(path, name);
    if (name === ".git" || child === context.stateFolder) continue;
    if (name.includes("\ufffd")) {
      throw new KilnError("file_unsupported", `The name of ${child} is not valid UTF-8.`, {
        hint: "Rename it.",
      });
    }
    const wait = context.pace();
    if (wait) await wait;
    await walk(context, child, to === "" ? name : `${to}/${name}`, statOf(child));
  }
}

function namesOf(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    throw unreadable(path, error);
  }
}

function statOf(path: string): BigIntStats {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    throw unreadable(path, error);
  }
}

function fileMode(spec: FileSpec, stat: BigIntStats): number {
  return spec.mode ?? ((stat.mode & 0o100n) === 0n ? 0o644 : 0o755);
}

/** Who may read may also enter. */
function folderMode(spec: FileSpec): number {
  return spec.mode === undefined ? 0o755 : spec.mode | ((spec.mode & 0o444) >> 2);
}

/** A symlink is kept as it is, and must point to something that is copied along with it. */
function linkOf(root: string, path: string): string {
  const target = readlinkSync(path);
  const leadsTo = resolve(path, "..", target);
  if (!target.startsWith("/") && isInside(root, leadsTo)) return target;
  throw new KilnError(
    "path_escapes",
    `The symlink ${path} points to ${target}, outside the folder that is copied (${root}).`,
    {
      hint: "Replace it by what it points to, or by a relative link inside the folder.",
      problems: [{ place: { file: path }, message: `points outside ${relative(root, leadsTo) || target}` }],
    },
  );
}

function unsupported(path: string, stat: BigIntStats): KilnError {
  const kind = stat.isSocket() ? "socket" : stat.isFIFO() ? "fifo" : "device";
  return new KilnError(
    "file_unsupported",
    `${path} is a ${kind}; an image holds files, folders and symlinks.`,
    {
      hint: "Leave it out of the folder that `files` names.",
    },
  );
}
