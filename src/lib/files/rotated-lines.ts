import { appendFileSync, renameSync, statSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { isErrno } from "../errors.ts";
import type { Clock } from "../time/clock.ts";

export interface ReadLines {
  /** Only this number of the last lines. */
  readonly tail?: number | undefined;
  /** Then new lines, until the signal fires. */
  readonly follow?: boolean | undefined;
}

const chunkBytes = 64 * 1024;
const followPauseMs = 100;

/** Appends whole lines. A file that has `fullBytes` is put aside first, as `PATH.1`, in place of the one before. */
export function appendLines(path: string, lines: string, fullBytes: number): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) >= fullBytes) renameSync(path, asideOf(path));
  appendFileSync(path, lines, { mode: 0o600 });
}

export async function removeLines(path: string): Promise<void> {
  await Promise.all([path, asideOf(path)].map((file) => rm(file, { force: true })));
}

/** The lines of what `appendLines` has written, oldest first. A file that is missing has none yet. */
export async function* readLines(
  path: string,
  { tail, follow }: ReadLines,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<string> {
  await using files = await OpenFiles.of(path);
  const kept: string[] = [];
  for await (const line of files.read()) {
    if (tail === undefined) yield line;
    else kept.push(line);
    if (tail !== undefined && kept.length > 2 * tail) kept.splice(0, kept.length - tail);
  }
  if (tail !== undefined && tail > 0) yield* kept.slice(-tail);
  while (follow && !signal.aborted) {
    await files.open();
    yield* files.read();
    await clock.sleep(followPauseMs, signal).catch(() => {}); // aborted: the loop sees it
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  position: number;
  /** Read, and no whole line yet. */
  rest: Buffer;
}

/** The files of a log, the oldest first. */
class OpenFiles implements AsyncDisposable {
  readonly #path: string;
  #files: OpenFile[] = [];

  private constructor(path: string) {
    this.#path = path;
  }

  static async of(path: string): Promise<OpenFiles> {
    const files = new OpenFiles(path);
    await files.open();
    return files;
  }

  /** Opens what is new. The newest first: a file that is put aside in between is seen twice rather than not at all. */
  async open(): Promise<void> {
    const [newest, aside] = [await openIfPresent(this.#path), await openIfPresent(asideOf(this.#path))];
    for (const file of [aside, newest]) {
      if (file === undefined) continue;
      if (this.#files.some(({ inode }) => inode === file.inode)) await file.handle.close();
      else this.#files.push(file);
    }
  }

  async *read(): AsyncGenerator<string> {
    for (const file of this.#files) yield* linesOf(file);
    // Those that may still have a name stay open: so they are known again, and no new file gets their inode.
    const gone = this.#files.slice(0, -2);
    this.#files = this.#files.slice(-2);
    await Promise.all(gone.map(({ handle }) => handle.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#files.map(({ handle }) => handle.close()));
  }
}

async function openIfPresent(path: string): Promise<OpenFile | undefined> {
  try {
    const handle = await open(path, "r");
    return { handle, inode: (await handle.stat()).ino, position: 0, rest: Buffer.alloc(0) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function* linesOf(file: OpenFile): AsyncGenerator<string> {
  for (;;) {
    const buffer = Buffer.alloc(chunkBytes);
    const { bytesRead } = await file.handle.read(buffer, 0, chunkBytes, file.position);
    if (bytesRead === 0) return;
    file.position += bytesRead;
    const bytes = Buffer.concat([file.rest, buffer.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    file.rest = bytes.subarray(end);
    if (end > 0) yield* bytes.toString("utf8", 0, end - 1).split("\n");
  }
}

function asideOf(path: string): string {
  return `${path}.1`;
}
