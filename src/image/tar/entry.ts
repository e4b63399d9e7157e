/** Bytes of a file without holding them: a slice of a file on this machine, or a small buffer. */
export type Content =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** `length` bytes of the file `path` from `offset`. The file must stay unchanged while the entry is used. */
  | { readonly kind: "slice"; readonly path: string; readonly offset: number; readonly length: number };

/**
 * One path of an image. Owners and modes are stored here and never in the builder's file system, so a build does not
 * need root, and its result does not depend on user or umask.
 */
export interface TarEntry {
  /** Without leading slash or `./`, no `.` or `..` parts, no trailing slash: `usr/bin/nginx`. */
  readonly path: string;
  readonly type: "file" | "folder" | "symlink" | "hardlink" | "char" | "block" | "fifo";
  /** Permission bits with set-id and sticky bits, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970; the layer writer clamps it. */
  readonly mtime: number;
  /** Symlink target as stored, or a hardlink's path in the same form as `path`. */
  readonly link?: string;
  readonly device?: { readonly major: number; readonly minor: number };
  readonly content?: Content;
  /** Extended attributes, e.g. `security.capability`. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

/** mkfs.erofs 1.5 (Debian 12) fails on names of 255 bytes, the most that Linux knows, without saying which. */
export const longestName = 254;

/** The paths of one layer, or of a whole root file system, by path. Later entries replace earlier ones. */
export type TarTree = ReadonlyMap<string, TarEntry>;
