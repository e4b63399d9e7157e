import { createHmac, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isErrno, KilnError } from "../lib/errors.ts";

/** What seals and opens secrets. */
export interface SecretKey {
  readonly path: string;
  /** AES-256: 32 bytes. */
  readonly bytes: Buffer;
  /** Sixteen hex digits that only this key has and that say nothing of it. */
  readonly id: string;
}

const keyBytes = 32;

/** The key file is apart from the database, so that neither a copy nor a backup of the one holds the other. */
export function keyFileBeside(database: string): string {
  return join(dirname(database), "secrets.key");
}

/**
 * Reads the key, anew each time: a file that was replaced or opened to others is noticed at its next use. Throws
 * `secret_key_invalid` when it is missing, not a file of this user alone, or not 32 bytes long.
 */
export function readKey(path: string): SecretKey {
  const bytes = readPrivately(path);
  if (bytes.length !== keyBytes) {
    throw invalid(
      `The key file ${path} has ${bytes.length} bytes; expected ${keyBytes}.`,
      "Restore it from a backup.",
    );
  }
  const id = createHmac("sha256", bytes).update("kiln secret key id").digest("hex").slice(0, 16);
  return { path, bytes, id };
}

function readPrivately(path: string): Buffer {
  const file = openKey(path);
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw invalid(`${path} is not a regular file.`, "Restore it from a backup.");
    const others = stats.mode & 0o077;
    if (others !== 0 || stats.uid !== process.geteuid?.()) {
      const mode = (stats.mode & 0o777).toString(8).padStart(4, "0");
      throw invalid(
        `The key file ${path} has mode ${mode} and belongs to uid ${stats.uid}; others than Kiln's user could read it or put another in its place.`,
        `Run \`chown ${process.geteuid?.() ?? 0} ${path} && chmod 600 ${path}\`. If somebody may have read it, set every secret anew with a new key: docs/secrets.md says how.`,
      );
    }
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

function openKey(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw missingKey(path);
    if (isErrno(error, "ELOOP"))
      throw invalid(`${path} is a symbolic link.`, "Put the key file itself there.");
    if (isErrno(error, "EACCES"))
      throw invalid(`The key file ${path} cannot be read.`, "Give it back its owner.");
    throw error;
  }
}

function missingKey(path: string): KilnError {
  return invalid(
    `The key file ${path} is missing, and secrets are encrypted with it.`,
    "Restore it from a backup. Running servers are not touched. If it is lost, docs/secrets.md says how to begin anew.",
  );
}

function invalid(message: string, hint: string): KilnError {
  return new KilnError("secret_key_invalid", message, { hint });
}

/**
 * Makes the key file if there is none. It appears whole, on the disk, and never in the place of another: link(2)
 * fails where something is.
 */
export function ensureKey(path: string): void {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    writeFileSync(temporary, randomBytes(keyBytes), { flag: "wx", mode: 0o600, flush: true });
    linkSync(temporary, path);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  syncFolder(dirname(path));
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
