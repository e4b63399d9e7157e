import { createHash, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryPath } from "../../lib/files/temporary.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { blobPath, type ImageStore } from "../store/image-store.ts";
import { DistributionFault } from "./fault.ts";

/** Each has an open file. */
const mostUploads = 16;
/** The largest layer that Kiln unpacks. */
const maxBlobBytes = 32 * 2 ** 30;
const idleMs = 10 * 60_000;

/** Blobs on their way into an image store, invisible until they are whole (distribution specification, "Push"). */
export class Uploads {
  readonly #store: ImageStore;
  readonly #clock: Clock;
  readonly #open = new Map<string, Upload>();

  constructor(store: ImageStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  async begin(): Promise<Upload> {
    await this.#sweep();
    if (this.#open.size >= mostUploads) {
      throw new DistributionFault(429, "TOOMANYREQUESTS", `${mostUploads} uploads are under way already.`);
    }
    const id = randomUUID();
    const path = temporaryPath(this.#store.temporary);
    const file = await open(path, "wx", 0o600);
    const upload = new Upload(id, path, file, this.#clock, () => this.#open.delete(id));
    this.#open.set(id, upload);
    return upload;
  }

  find(id: string): Upload {
    const upload = this.#open.get(id);
    if (upload !== undefined) return upload;
    throw new DistributionFault(
      404,
      "BLOB_UPLOAD_UNKNOWN",
      "There is no such upload: it is complete, or was given up.",
    );
  }

  async #sweep(): Promise<void> {
    for (const upload of this.#open.values()) if (upload.idleMs() > idleMs) await upload.discard();
  }

  async close(): Promise<void> {
    for (const upload of this.#open.values()) await upload.discard();
  }
}

/** One blob, written from the beginning to the end. */
export class Upload {
  readonly id: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #clock: Clock;
  readonly #ended: () => void;
  readonly #hash = createHash("sha256");
  #touchedMs: number;
  #busy = false;
  /** Written so far. */
  bytes = 0;

  constructor(id: string, path: string, file: FileHandle, clock: Clock, ended: () => void) {
    this.id = id;
    this.#path = path;
    this.#file = file;
    this.#clock = clock;
    this.#ended = ended;
    this.#touchedMs = clock.elapsed();
  }

  idleMs(): number {
    return this.#busy ? 0 : this.#clock.elapsed() - this.#touchedMs;
  }

  /** Continues at `from`, or where it is. Only one request may write at a time. */
  async append(body: AsyncIterable<Buffer>, from = this.bytes): Promise<void> {
    if (this.#busy || from !== this.bytes) {
      throw new DistributionFault(
        416,
        "BLOB_UPLOAD_INVALID",
        `The upload has ${this.bytes} bytes; expected the next ones.`,
      );
    }
    this.#busy = true;
    try {
      for await (const chunk of body) {
        if (this.bytes + chunk.length > maxBlobBytes)
          throw new DistributionFault(413, "SIZE_INVALID", "The blob is too large.");
        await this.#write(chunk);
        this.#hash.update(chunk);
        this.bytes += chunk.length;
      }
    } finally {
      this.#busy = false;
      this.#touchedMs = this.#clock.elapsed();
    }
  }

  /** Where the bytes before end: what a full disk has cut off is written again by the request that continues. */
  async #write(chunk: Buffer): Promise<void> {
    for (let written = 0; written < chunk.length; ) {
      const at = this.bytes + written;
      written += (await this.#file.write(chunk, written, chunk.length - written, at)).bytesWritten;
    }
  }

  /** Makes it a blob of the store, once its bytes are on the disk. */
  async commit(store: ImageStore, digest: string): Promise<void> {
    try {
      if (`sha256:${this.#hash.digest("hex")}` !== digest) {
        throw new DistributionFault(400, "DIGEST_INVALID", `The bytes do not match the digest ${digest}.`);
      }
      await this.#file.truncate(this.bytes);
      await this.#file.datasync();
      mkdirSync(join(store.folder, "blobs/sha256"), { recursive: true, mode: 0o700 });
      await rename(this.#path, blobPath(store, digest));
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    this.#ended();
    await this.#file.close().catch(() => {}); // closed before: it was committed or given up
    await rm(this.#path, { force: true });
  }
}
