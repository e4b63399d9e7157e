import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TarEntry } from "../../image/tar/entry.ts";
import { entryHeader, tarEnd, tarPadding } from "../../image/tar/tar-writer.ts";
import { isErrno } from "../../lib/errors.ts";

const pieceBytes = 1 << 18;

/** A tar archive that grows entry by entry, in a folder where only whole archives have their name. */
export class EvidenceArchive implements AsyncDisposable {
  readonly #path: string;
  readonly #folder: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash("sha256");
  readonly #signal: AbortSignal;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #bytes = 0;

  private constructor(folder: string, path: string, file: FileHandle, signal: AbortSignal) {
    this.#folder = folder;
    this.#path = path;
    this.#file = file;
    this.#signal = signal;
  }

  static async create(folder: string, name: string, signal: AbortSignal): Promise<EvidenceArchive> {
    const path = join(folder, `${name}.tmp`);
    return new EvidenceArchive(folder, path, await open(path, "w", 0o600), signal);
  }

  async add(entry: TarEntry, bytes: Uint8Array = new Uint8Array()): Promise<void> {
    await this.#write(entryHeader(entry, bytes.byteLength));
    await this.#write(bytes);
    await this.#write(tarPadding(bytes.byteLength));
  }

  /** Exactly `length` bytes, as the header says: what became shorter meanwhile is filled up with zeros. */
  async addFile(entry: TarEntry, file: FileHandle | undefined, length: number): Promise<void> {
    await this.#write(entryHeader(entry, length));
    for (let done = 0; done < length; ) {
      const piece = Buffer.alloc(Math.min(pieceBytes, length - done));
      const read = (await file?.read(piece, 0, piece.length, done))?.bytesRead ?? 0;
      await this.#write(read === 0 ? piece : piece.subarray(0, read));
      done += read === 0 ? piece.length : read;
    }
    await this.#write(tarPadding(length));
  }

  /** Gives the archive the name of its digest. */
  async finish(): Promise<{ readonly digest: string; readonly bytes: number }> {
    await this.#write(tarEnd);
    await this.#flush();
    await this.#file.sync();
    const hex = this.#hash.digest("hex");
    await rename(this.#path, join(this.#folder, `${hex}.tar`));
    return { digest: `sha256:${hex}`, bytes: this.#bytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#signal.throwIfAborted();
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes >= pieceBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#hash.update(bytes);
    await this.#file.writeFile(bytes);
    this.#bytes += bytes.byteLength;
  }
}

/** Neither a link nor a fifo that was put in a file's place is followed or waited for. */
export async function openRegular(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    if (!["ENOENT", "ELOOP", "ENXIO", "ESRCH"].some((code) => isErrno(error, code))) throw error;
  }
  return undefined;
}
