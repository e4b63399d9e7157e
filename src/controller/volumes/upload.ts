import { once } from "node:events";
import { PassThrough } from "node:stream";
import { KilnError } from "../../lib/errors.ts";

/** How long the next piece may take to come. */
const pauseMs = 60_000;
/** How long all of them may take: what is half there keeps its space, and others wait for it. */
const wholeMs = 12 * 3_600_000;

/** What arrives in pieces, each with a request of its own, and is read as one. */
export class ImageUpload {
  readonly #stream = new PassThrough();
  readonly #work: Promise<void>;
  readonly #whole: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;

  constructor(read: (content: AsyncIterable<Uint8Array>) => Promise<void>) {
    this.#whole = setTimeout(() => this.#stream.destroy(tooLong()), wholeMs).unref();
    this.#work = read(this.#stream).finally(() => {
      clearTimeout(this.#timer);
      clearTimeout(this.#whole);
    });
    this.#work.catch(() => this.#stream.destroy());
    this.#stream.on("error", () => {}); // the reader gets the error too, and answers
  }

  /** Resolves when nothing is read any more, for whatever reason. */
  get over(): Promise<void> {
    return this.#work.catch(() => {});
  }

  /** Resolves when there is room for the next one. Throws what reading throws. */
  async add(piece: Uint8Array): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#stream.write(piece))
      await Promise.race([once(this.#stream, "drain").catch(() => {}), this.#work]);
    if (this.#stream.destroyed) return this.#work;
    this.#timer = setTimeout(() => this.#stream.destroy(late()), pauseMs);
  }

  /** There are no more. Resolves when all of it was read. Throws what reading throws. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stream.end();
    await this.#work;
  }
}

function late(): KilnError {
  return new KilnError("timed_out", `The next piece did not come within ${pauseMs / 1000} s.`, {
    retry: true,
  });
}

function tooLong(): KilnError {
  return new KilnError("timed_out", `The pieces did not all come within ${wholeMs / 3_600_000} hours.`, {
    hint: "Send them over a faster connection, or import on the machine itself.",
  });
}
