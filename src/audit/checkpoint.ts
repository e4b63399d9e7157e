import { readFileSync } from "node:fs";
import { isErrno, KilnError } from "../lib/errors.ts";
import { isSigned, keyIdOf } from "./signing-key.ts";

/** What the controller vouches for at a time: that the log up to an entry is the one that it wrote. */
export interface Checkpoint {
  readonly sequence: number;
  readonly digest: string;
  /** Unix time in ms. */
  readonly atMs: number;
  readonly keyId: string;
  /** Base64; over the canonical JSON of the members above. */
  readonly signature: string;
}

/** A checkpoint as it leaves the installation: with the key that it was signed with (PEM). */
export interface ExportedCheckpoint extends Checkpoint {
  readonly publicKey: string;
}

/** The data of an `audit.checkpoint` entry, or undefined when it is none. */
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

/** An exported checkpoint. Throws `file_missing`, and `checkpoint_invalid` when its signature does not fit. */
export function readCheckpoint(path: string): ExportedCheckpoint {
  const found = readKeptCheckpoint(path);
  if (found === undefined) {
    throw new KilnError("file_missing", `There is no file ${path}.`, {
      hint: "`kiln audit checkpoint --output FILE` writes a checkpoint.",
    });
  }
  if (found !== "altered") return found;
  throw new KilnError("checkpoint_invalid", `${path} is not a checkpoint with a signature that fits.`, {
    hint: "Use the file as `kiln audit checkpoint --output FILE` wrote it.",
  });
}

/** The checkpoint that a controller left beside its database; `altered` when its signature does not fit. */
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
    return undefined; // no JSON, or no key
  }
}
