import { readFileSync } from "node:fs";
import { isErrno, KilnError } from "../lib/errors.ts";
import { keyIdOf } from "../lib/key-id.ts";
import { isSigned } from "./signing-key.ts";

/** The controller's statement that it wrote the log up to this entry. */
export interface Checkpoint {
  readonly sequence: number;
  readonly digest: string;
  /** Unix time in ms. */
  readonly atMs: number;
  readonly keyId: string;
  /** Base64; over the canonical JSON of the members above. */
  readonly signature: string;
}

/** A checkpoint as exported: with the public key that verifies it (PEM). */
export interface ExportedCheckpoint extends Checkpoint {
  readonly publicKey: string;
}

/** The data of an `audit.checkpoint` entry; undefined for other data. */
export function asCheckpoint(data: unknown): Checkpoint | undefined {
  const { sequence, digest, atMs, keyId, signature } = (data ?? {}) as Partial<Checkpoint>;
  const isOne =
    Number.isSafeInteger(sequence) &&
    typeof digest === "string" &&
    typeof atMs === "number" &&
    typeof keyId === "string" &&
    typeof signature === "string";
  return isOne ? ({ sequence, digest, atMs, keyId, signature } as Checkpoint) : undefined;
}

/** An exported checkpoint. Throws `file_missing`, and `checkpoint_invalid` when its signature is not valid. */
export function readCheckpoint(path: string): ExportedCheckpoint {
  const found = readKeptCheckpoint(path);
  if (found === undefined) {
    throw new KilnError("file_missing", `The file ${path} does not exist.`, {
      hint: "`kiln audit checkpoint --output FILE` writes a checkpoint.",
    });
  }
  if (found !== "altered") return found;
  throw new KilnError("checkpoint_invalid", `${path} is not a checkpoint with a valid signature.`, {
    hint: "Use the unchanged file that `kiln audit checkpoint --output FILE` wrote.",
  });
}

/** The checkpoint that a controller keeps next to its database; `altered` when its signature is not valid. */
export function readKeptCheckpoint(path: string): ExportedCheckpoint | "altered" | undefined {
  const text = readText(path);
  return text === undefined ? undefined : (parsed(text) ?? "altered");
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function parsed(text: string): ExportedCheckpoint | undefined {
  try {
    const value = JSON.parse(text) as { readonly publicKey?: unknown };
    const checkpoint = asCheckpoint(value);
    const { publicKey } = value;
    if (checkpoint === undefined || typeof publicKey !== "string") return undefined;
    const fits = keyIdOf(publicKey) === checkpoint.keyId && isSigned(checkpoint, publicKey);
    return fits ? { ...checkpoint, publicKey } : undefined;
  } catch {
    return undefined; // not JSON, or not a key
  }
}
