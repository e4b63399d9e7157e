import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { isErrno, KilnError } from "../../lib/errors.ts";

/** The options of a command that writes a file. */
export interface OutputFileOptions {
  /** `-` is standard output. */
  readonly output?: string;
  readonly force?: boolean;
}

/** Whether this is standard output instead of a file. */
export function isStdout(output: string): boolean {
  return output === "-";
}

type Write = (piece: string | Uint8Array) => Promise<void>;

/**
 * Writes a file with `work` and returns the result of `work`. When `work` fails, no file is left. An existing file is
 * replaced only with `force`: such files are kept as proof. Throws `usage`.
 */
export async function writeOutputFile<Result>(
  path: string,
  {
    force = false,
    mode = 0o666,
    hint,
  }: { readonly force?: boolean | undefined; readonly mode?: number; readonly hint?: string },
  work: (write: Write) => Promise<Result>,
): Promise<Result> {
  const place = await placeOf(path);
  if (place === "file" && !force) throw alreadyThere(path, hint);
  if (place === "other") return fill(await openAt(path, "w", mode, hint), work);
  const fresh = place === "file" ? `${path}.${process.pid}.new` : path;
  const file = await openAt(fresh, "wx", mode, hint);
  try {
    const result = await fill(file, work);
    if (fresh !== path) await rename(fresh, path);
    return result;
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

interface NewFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** Writes files that belong together: all of them, or none. One that exists is never replaced. Throws `usage`. */
export async function writeNewFiles(files: readonly NewFile[], hint: string): Promise<void> {
  const written: string[] = [];
  try {
    for (const { path } of files) if ((await placeOf(path)) !== "none") throw alreadyThere(path, hint);
    for (const { path, mode, text } of files) {
      const file = await openAt(path, "wx", mode, hint);
      written.push(path);
      await fill(file, (write) => write(text));
    }
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    throw error;
  }
}

/** `other`: a device or a pipe, which is written in place, or a folder, which cannot be opened for writing. */
async function placeOf(path: string): Promise<"none" | "file" | "other"> {
  const found = await stat(path).catch(() => undefined); // opening the file gives the better error
  if (found === undefined) return "none";
  return found.isFile() ? "file" : "other";
}

async function openAt(path: string, flags: "w" | "wx", mode: number, hint?: string): Promise<FileHandle> {
  try {
    return await open(path, flags, mode);
  } catch (error) {
    throw unwritable(path, error, hint);
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
  ENOENT: "the folder does not exist",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "its file system is read-only",
};

function unwritable(path: string, error: unknown, hint?: string): unknown {
  if (isErrno(error, "EEXIST")) return alreadyThere(path, hint); // just created, or a link to nothing
  const [, why] = Object.entries(reasons).find(([code]) => isErrno(error, code)) ?? [];
  if (why === undefined) return error;
  return new KilnError("usage", `${path} cannot be written: ${why}.`, {
    hint:
      hint ??
      "`--output FILE` names a file in a folder that you may write to; `--output -` is standard output.",
    cause: error,
  });
}

function alreadyThere(path: string, hint?: string): KilnError {
  return new KilnError("usage", `${path} already exists.`, {
    hint: hint ?? "Name another file with `--output`, or add `--force` to replace this one.",
  });
}
