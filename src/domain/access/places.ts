import { devicePattern } from "../spec/server-shape.ts";

/** What requests over the network may name; nothing of a kind without an entry. */
export interface AllowedPlaces {
  /** Absolute paths of files, in which `*` stands for any characters. */
  readonly files: readonly string[];
  /** Beginnings of URLs, up to a whole part of their path. */
  readonly urls: readonly string[];
}

/** Whether the place is a device that servers may have then, rather than a file that requests may name. */
export function isDevice(place: string): boolean {
  return devicePattern.test(place);
}
