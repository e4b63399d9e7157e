import { createHmac, randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { makePrivateFile, type PrivateFileWords, readPrivateFile } from "../../lib/files/private-file.ts";

/** What seals and opens secrets. */
export interface SecretKey {
  readonly path: string;
  /** AES-256: 32 bytes. */
  readonly bytes: Buffer;
  /** Sixteen hex digits that only this key has and that say nothing of it. */
  readonly id: string;
}

const keyBytes = 32;

const words: PrivateFileWords = {
  code: "secret_key_invalid",
  missing: "secrets are encrypted with it",
  restore:
    "Restore it from a backup. Running servers are not touched. If it is lost, docs/secrets.md says how to start again with a new key.",
  exposed:
    "If another user may have read it, set every secret again with a new key: docs/secrets.md says how.",
};

/** The key file is apart from the database, so that neither a copy nor a backup of the one holds the other. */
export function keyFileBeside(database: string): string {
  return join(dirname(database), "secrets.key");
}

/**
 * Reads the key file again each time: a file that was replaced or opened to others is noticed at its next use. Throws
 * `secret_key_invalid` when it is missing, not a file of this user alone, or not 32 bytes long.
 */
export function readKey(path: string): SecretKey {
  const bytes = readPrivateFile(path, words);
  if (bytes.length !== keyBytes) {
    throw new KilnError(words.code, `The key file ${path} has ${bytes.length} bytes; expected ${keyBytes}.`, {
      hint: "Restore it from a backup.",
    });
  }
  const id = createHmac("sha256", bytes).update("kiln secret key id").digest("hex").slice(0, 16);
  return { path, bytes, id };
}

/** Makes the key file if there is none. */
export function ensureKey(path: string): void {
  makePrivateFile(path, randomBytes(keyBytes));
}
