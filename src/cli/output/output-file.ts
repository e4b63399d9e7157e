import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { isErrno, KilnError } from "../../lib/errors.ts";

/** What the options of a command that writes a file say about it. */
export interface OutputFileOptions {
  /** `-` is standard output. */
  readonly output?: string;
  readonly force?: boolean;
}

/** Whether this is no file but standard output. */
export function isStdout(output: string): boolean {
  return output === "-";
}

type Write = (piece: string | Uint8Array) => Promise<void>;

/**
 * Makes a file of what `work` writes and returns what that returns. Nothing is left of a file whose work failed, and
 * one that is there is only replaced with `force`: what these files hold is kept as a proof. Throws `usage`.
 */
export async function writeOutputFile<Result>(
  path: string,
  { force = false, mode = 0o666 }: { readonly force?: boolean | undefined; readonly mode?: number },
  work: (write: Write) => Promise<Result>,
): Promise<Result> {
  const place = await placeOf(path);
  if (place === "file" && !force) throw alreadyThere(path);
  if (place === "other") return fill(await openAt(path, "w", mode), work);
  const fresh = place === "file" ? `${path}.${process.pid}.new` : path;
  const file = await openAt(fresh, "wx", mode);
  try {
    const result = await fill(file, work);
    if (fresh !== path) await rename(fresh, path);
    return result;
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

/** `other`: a device or a pipe, which is written to as it is, or a folder, which cannot be opened so. */
async function placeOf(path: string): Promise<"none" | "file" | "other"> {
  const found = await stat(path).catch(() => undefined); // whatever is wrong there, opening it tells better
  if (found === undefined) return "none";
  return found.isFile() ? "file" : "other";
}

async function openAt(path: string, flags: "w" | "wx", mode: number): Promise<FileHandle> {
  try {
    return await open(path, flags, mode);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function fill<Result>(file: FileHandle, work: (write: Write) => Promise<Result>): Promise<Result> {
  try {
    return await work((piece) => file.writeFile(piece));
  } finally {
    await file.close();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "there is no such folder",
  ENOTDIR: "what should be its folder is a file",
  EISDIR: "it is a folder",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "its file system is read-only",
};

function unwritable(path: string, error: unknown): unknown {
  if (isErrno(error, "EEXIST")) return alreadyThere(path); // made just now
  const [, why] = Object.entries(reasons).find(([code]) => isErrno(error, code)) ?? [];
  if (why === undefined) return error;
  return new KilnError("usage", `${path} cannot be written: ${why}.`, {
    hint: "`--output FILE` names a file in a folder that you may write to; `--output -` is standard output.",
    cause: error,
  });
}

function alreadyThere(path: string): KilnError {
  return new KilnError("usage", `${path} exists already.`, {
    hint: "It is not overwritten. Name another file with `--output`, or add `--force` to replace it.",
  });
}
