import { createReadStream } from "node:fs";

/** A part of a disk; `at` counts bytes from the disk's start. */
export type Piece = { readonly at: number } & (
  | { readonly bytes: Uint8Array }
  | { readonly file: string; readonly length: number }
);

/** A disk: its pieces in their order, with zeros between them. */
export interface Disk {
  readonly bytes: number;
  readonly pieces: readonly Piece[];
}

/** In which disks are written: what is all zero takes no space. */
export const grainBytes = 65_536;

export interface Grain {
  /** `at` divided by `grainBytes`. */
  readonly index: number;
  /** It is overwritten by the next one. */
  readonly bytes: Buffer;
}

/** The disk's grains that hold more than zeros, in their order. */
export async function* grainsOf({ pieces }: Disk, signal: AbortSignal): AsyncGenerator<Grain> {
  const bytes = Buffer.alloc(grainBytes);
  let index = 0;
  for (const piece of pieces) {
    let at = piece.at;
    for await (const chunk of chunksOf(piece, signal)) {
      for (let done = 0; done < chunk.length; ) {
        const wanted = Math.floor(at / grainBytes);
        if (wanted !== index) {
          if (!isZero(bytes)) yield { index, bytes };
          bytes.fill(0);
          index = wanted;
        }
        const take = Math.min(chunk.length - done, (index + 1) * grainBytes - at);
        bytes.set(chunk.subarray(done, done + take), at % grainBytes);
        done += take;
        at += take;
      }
    }
  }
  if (!isZero(bytes)) yield { index, bytes };
}

async function* chunksOf(piece: Piece, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  if ("bytes" in piece) yield piece.bytes;
  else yield* createReadStream(piece.file, { highWaterMark: 1 << 20, end: piece.length - 1, signal });
}

const zeros = Buffer.alloc(grainBytes);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(zeros);
}
