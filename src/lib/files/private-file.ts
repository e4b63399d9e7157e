import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { ErrorCode } from "../error-codes.ts";
import { isErrno, KilnError } from "../errors.ts";

/** The words of an error about a file that is missing or not private. */
export interface PrivateFileWords {
  readonly code: ErrorCode;
  /** What does not work without the file; follows `The key file ... is missing, and`. */
  readonly missing: string;
  /** What to do when the file is missing. */
  readonly restore: string;
  /** What to do when someone else may have read the file. */
  readonly exposed: string;
}

/** A file that only this user can read and replace. Throws the code of `words` when it is missing or anything else. */
export function readPrivateFile(path: string, words: PrivateFileWords): Buffer {
  const file = openFile(path, words);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile())
      throw new KilnError(words.code, `${path} is not a regular file.`, {
        hint: "Restore it from a backup.",
      });
    const others = stats.mode & 0o077;
    if (others !== 0 || stats.uid !== process.geteuid?.()) throw exposed(path, stats, words);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function exposed(
  path: string,
  stats: { readonly mode: number; readonly uid: number },
  words: PrivateFileWords,
): KilnError {
  const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
  return new KilnError(
    words.code,
    `The key file ${path} has mode ${mode} and belongs to uid ${stats.uid}; users other than Kiln's could read or replace it.`,
    { hint: `Run \`chown ${process.geteuid?.() ?? 0} ${path} && chmod 600 ${path}\`. ${words.exposed}` },
  );
}

function openFile(path: string, words: PrivateFileWords): number {
  const invalid = (message: string, hint: string) => new KilnError(words.code, message, { hint });
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT"))
      throw invalid(`The key file ${path} is missing, and ${words.missing}.`, words.restore);
    if (isErrno(error, "ELOOP"))
      throw invalid(`${path} is a symbolic link.`, "Put the key file itself there instead of the link.");
    if (isErrno(error, "EACCES")) throw invalid(`The key file ${path} cannot be read.`, "Restore its owner.");
    throw error;
  }
}

/**
 * Creates the file if it is missing. It appears complete, on the disk, and never replaces another: link(2) fails when the
 * name exists.
 */
export function makePrivateFile(path: string, content: string | Uint8Array): void {
  const temporary = writeTemporary(path, content);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
}

/** Replaces the file; a crash leaves the complete old or the complete new one. */
export function replacePrivateFile(path: string, content: string | Uint8Array): void {
  movePrivateFile(writeTemporary(path, content), path);
}

/** Renames a file, durably. */
export function movePrivateFile(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
}

function writeTemporary(path: string, content: string | Uint8Array): string {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, content, { flag: "wx", mode: 0o600, flush: true });
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return temporary;
}

/** Names that were made, changed or removed in it are on the disk afterwards. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
