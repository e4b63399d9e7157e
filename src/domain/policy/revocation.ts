import type { ImageDigest } from "../ids.ts";

/** No server is started from this image any more, nor from an image that was built on it. */
export interface Revocation {
  readonly digest: ImageDigest;
  /** From this moment on; it may be yet to come. */
  readonly atMs: number;
  readonly reason: string;
  readonly by: string;
}

/** The earliest one that holds at `nowMs` for an image, whose `lineage` is itself and what it was built on. */
export function revocationIn(
  all: readonly Revocation[],
  lineage: readonly string[],
  nowMs: number,
): Revocation | undefined {
  return all
    .filter(({ digest, atMs }) => atMs <= nowMs && lineage.includes(digest))
    .toSorted((one, other) => one.atMs - other.atMs)[0];
}

/** A name that moves over the versions of a service's image. */
export interface Channel {
  readonly service: string;
  readonly name: string;
  readonly version: string;
  readonly digest: ImageDigest;
  readonly setAtMs: number;
  readonly setBy: string;
}
