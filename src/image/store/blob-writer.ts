import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { temporaryPath } from "../../lib/files/temporary.ts";
import type { ImageStore } from "./image-store.ts";
import { blobPath } from "./image-store.ts";

const bufferBytes = 1 << 20;

export interface WrittenBlob {
  readonly digest: string;
  readonly bytes: number;
}

/**
 * Writes one blob of unknown digest into an image store. The blob is invisible before `commit`, which returns when
 * the bytes are on the disk; `discard` (also after `commit`) removes everything temporary.
 */
export class BlobWriter {
  readonly #store: ImageStore;
  readonly #path: string;
  readonly #file: number;
  readonly #hash = createHash("sha256");
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #used = 0;
  #open = true;
  /** Bytes written so far. */
  bytes = 0;

  constructor(store: ImageStore) {
    this.#store = store;
    this.#path = temporaryPath(store.temporary);
    this.#file = openSync(this.#path, "wx", 0o600);
  }

  write(chunk: Uint8Array): void {
    this.bytes += chunk.byteLength;
    if (this.#used + chunk.byteLength > bufferBytes) this.#flush();
    if (chunk.byteLength >= bufferBytes) {
      this.#writeOut(chunk);
    } else {
      this.#buffer.set(chunk, this.#used);
      this.#used += chunk.byteLength;
    }
  }

  commit(): WrittenBlob {
    this.#flush();
    const digest = `sha256:${this.#hash.digest("hex")}`;
    fdatasyncSync(this.#file);
    this.#close();
    mkdirSync(join(this.#store.folder, "blobs/sha256"), { recursive: true, mode: 0o700 });
    renameSync(this.#path, blobPath(this.#store, digest));
    return { digest, bytes: this.bytes };
  }

  discard(): void {
    this.#close();
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    this.#writeOut(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  #writeOut(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.byteLength; ) done += writeSync(this.#file, chunk, done);
  }

  #close(): void {
    if (this.#open) closeSync(this.#file);
    this.#open = false;
  }
}
