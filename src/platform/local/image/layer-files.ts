import { createHash } from "node:crypto";
import { createReadStream, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { markOf } from "../../../lib/files/file-mark.ts";
import { namesIn } from "../../../lib/files/temporary.ts";
import { exec } from "../../../lib/process/exec.ts";
import type { HostPaths } from "../paths.ts";

/** A layer as a file; `sha256` is 64 hex digits, `name` that of its mount point. */
export interface LayerFile {
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
}

/** Throws `image_invalid` when the file does not match its recorded digest. */
export type VerifyLayer = (layer: LayerFile) => Promise<void>;

/** Reads each file once, and again only when stat(2) says that something has touched it. */
export function layerVerifier(): VerifyLayer {
  const right = new Map<string, string>();
  return async ({ file, sha256 }) => {
    const mark = markNow(file);
    if (mark !== undefined && right.get(file) === mark) return;
    if (mark === undefined || (await hashOf(file)) !== sha256) throw altered(file);
    right.set(file, mark);
  };
}

/** Undefined when it is gone. */
export function markNow(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && markOf(stat);
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Why a file is not mounted. */
export function altered(file: string): KilnError {
  return new KilnError(
    "image_invalid",
    `A file of the image was altered, and Kiln does not use it: ${file}`,
    {
      hint: "Try again: Kiln makes the file again from the stored image. If the stored image is damaged too, build it again.",
    },
  );
}

/**
 * Protects the file from mistaken writes, replacement and removal while it is mounted: chattr(1) `+i`, where the file system has
 * that. A note says so until it is taken back, whatever happens in between.
 */
export async function protectLayer(paths: HostPaths, { name, file }: LayerFile): Promise<void> {
  mkdirSync(paths.immutable, { recursive: true, mode: 0o700 });
  writeFileSync(join(paths.immutable, name), file);
  await setImmutable(file, true);
}

/**
 * Another program may have removed the protection: true when it had, and the file is protected again. A file without a note is left alone:
 * no layer of it is mounted any longer. Callers hold the lock under which layers are released.
 */
export async function protectAgain(paths: HostPaths, file: string): Promise<boolean> {
  const noted = namesIn(paths.immutable).some((name) => readNote(join(paths.immutable, name)) === file);
  if (!noted || (await isImmutable(file)) !== false) return false;
  await setImmutable(file, true);
  return (await isImmutable(file)) === true;
}

/** Takes it back for layers that are not in use; a file that was made again may be in use as another layer. */
export async function releaseLayers(paths: HostPaths, used: ReadonlySet<string>): Promise<void> {
  const [inUse, unused] = partition(namesIn(paths.immutable), (name) => used.has(name));
  const kept = new Set(inUse.map((name) => readNote(join(paths.immutable, name))));
  await Promise.all(
    unused.map(async (name) => {
      const note = join(paths.immutable, name);
      const file = readNote(note);
      if (file && !kept.has(file)) await setImmutable(file, false);
      rmSync(note, { force: true });
    }),
  );
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function readNote(note: string): string | undefined {
  try {
    return readFileSync(note, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function setImmutable(file: string, on: boolean): Promise<void> {
  await attributes(["chattr", on ? "+i" : "-i", file]);
}

/** Undefined where it cannot be found out. */
async function isImmutable(file: string): Promise<boolean | undefined> {
  return (await attributes(["lsattr", "-d", file]))?.split(" ")[0]?.includes("i");
}

/** Not every file system knows them, and not every machine has the programs: they are a help, not a need. */
async function attributes(argv: readonly [string, ...string[]]): Promise<string | undefined> {
  try {
    const { code, stdout } = await exec(argv, { accept: "any" });
    return code === 0 ? stdout : undefined;
  } catch (error) {
    if (error instanceof KilnError && error.code === "tool_missing") return undefined;
    throw error;
  }
}
