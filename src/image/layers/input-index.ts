import { createHash } from "node:crypto";
import { type BigIntStats, closeSync, fstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { isErrno, KilnError } from "../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../lib/files/files.ts";
import { fileChanged, openExactly } from "../../lib/files/open-exactly.ts";
import type { Pace } from "../../lib/time/pace.ts";
import { sliceChunks } from "../store/content.ts";

/** What distinguishes two states of a file without reading it: size, mtime, ctime (ns), inode. */
type Mark = readonly [size: string, mtime: string, ctime: string, inode: string];

/**
 * How old a file's last change must be for its mark to be trusted. Two writes within one tick of the file system's
 * clock leave the same mark (git's "racy" problem, gitformat-index(5)); two seconds cover every file system in use.
 */
const settledMs = 2000;

/** Digests of files by path, kept between builds: an unchanged file is not read again. */
export class InputIndex {
  readonly #path: string;
  readonly #known: ReadonlyMap<string, readonly [Mark, string]>;
  readonly #next = new Map<string, readonly [Mark, string]>();
  #changed = false;

  private constructor(path: string, known: ReadonlyMap<string, readonly [Mark, string]>) {
    this.#path = path;
    this.#known = known;
  }

  static async open(path: string): Promise<InputIndex> {
    const text = await readTextIfExists(path);
    try {
      return new InputIndex(path, new Map(JSON.parse(text ?? "[]") as [string, readonly [Mark, string]][]));
    } catch {
      return new InputIndex(path, new Map()); // damaged: treated as missing
    }
  }

  /**
   * The file's sha256 (64 hex digits); `stat` is what lstat(2) just said of it, and its path has no symlinks. Throws `file_changed` when the file
   * changes meanwhile, `file_unreadable` without permission.
   */
  async digest(path: string, stat: BigIntStats, nowMs: number, pace: Pace): Promise<string> {
    const mark = markOf(stat);
    const known = this.#known.get(path);
    const kept = known && sameMark(known[0], mark) ? known[1] : undefined;
    const digest = kept ?? (await hashFile(path, mark, pace));
    this.#changed ||= kept === undefined;
    if (kept !== undefined || isSettled(stat, nowMs)) this.#next.set(path, [mark, digest]);
    return digest;
  }

  /** Keeps only the digests that were requested since `open`. */
  async save(): Promise<void> {
    if (!this.#changed && this.#next.size === this.#known.size) return;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path, JSON.stringify([...this.#next]), { durable: false });
  }
}

function markOf(stat: BigIntStats): Mark {
  return [`${stat.size}`, `${stat.mtimeNs}`, `${stat.ctimeNs}`, `${stat.dev}:${stat.ino}`];
}

function sameMark(a: Mark, b: Mark): boolean {
  return a.every((part, i) => part === b[i]);
}

function isSettled(stat: BigIntStats, nowMs: number): boolean {
  const newestMs = Math.max(Number(stat.mtimeNs), Number(stat.ctimeNs)) / 1e6;
  return newestMs + settledMs < nowMs;
}

async function hashFile(path: string, mark: Mark, pace: Pace): Promise<string> {
  const file = openPlain(path);
  try {
    const before = fstatSync(file, { bigint: true });
    if (!sameMark(markOf(before), mark)) throw fileChanged(path);
    const hash = createHash("sha256");
    for (const chunk of sliceChunks(file, path, 0, Number(before.size))) {
      hash.update(chunk);
      const wait = pace();
      if (wait) await wait;
    }
    if (!sameMark(markOf(fstatSync(file, { bigint: true })), mark)) throw fileChanged(path);
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}

function openPlain(path: string): number {
  try {
    return openExactly(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** `file_unreadable` for a permission problem; other errors unchanged. */
export function unreadable(path: string, error: unknown): unknown {
  if (!isErrno(error, "EACCES") && !isErrno(error, "EPERM")) return error;
  return new KilnError("file_unreadable", `No permission to read ${path}.`, {
    hint: "Make the file readable for the user that builds, or leave it out with `image.exclude`.",
    cause: error,
  });
}
