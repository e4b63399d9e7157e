import { closeSync, openSync, readSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import { fileNameBytes } from "../../lib/files/file-names.ts";
import type { Pace } from "../../lib/time/pace.ts";
import type { TarEntry, TarTree } from "./entry.ts";
import { mtimeOf, nameOf, numberOf, parseRecords, xattrsOf } from "./pax-records.ts";
import { deviceNumber, headerPath, invalidArchive, numberAt, textOf } from "./tar-header.ts";

/** A tar archive: `length` bytes of the file `path` from `offset`. */
export interface TarFile {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

const block = 512;
const maxEntries = 2_000_000;
const maxExtended = 8 << 20;
/** Of paths, links and extended attributes together: a tree is held in memory. */
const maxKept = 512 << 20;
/** Records for all entries that follow: each entry gets them. */
const maxGlobalRecords = 1000;
/** PATH_MAX of Linux, with its NUL. */
const maxPath = 4095;

/** POSIX.1-2017, pax, "ustar Interchange Format", typeflag; NUL is how old archives write a file, 7 a contiguous one. */
const entryTypes: Readonly<Partial<Record<string, TarEntry["type"]>>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "folder",
  "6": "fifo",
};

/** Extended headers: pax (for one entry, for all), GNU's long path and long link. */
type Extended = "x" | "g" | "L" | "K";

/** Records before an entry that change how it is read. */
interface Pending {
  /** pax records by key, as bytes: extended attributes are not text. */
  records: Map<string, Buffer>;
  longPath: string | undefined;
  longLink: string | undefined;
}

/**
 * The entries of a tar archive (ustar, pax, GNU). Only headers are read; contents are slices of the archive. Of several
 * entries with one path the last counts. The archive may come from anywhere: throws `image_invalid` for what
 * is cut short or malformed, for paths that lead out, and for kinds of entries that an image cannot have.
 */
export async function readTar(file: TarFile, pace: Pace): Promise<TarTree> {
  const handle = openSync(file.path, "r");
  try {
    return await readEntries({ file, handle }, pace);
  } catch (error) {
    throw named(file, error);
  } finally {
    closeSync(handle);
  }
}

interface Archive {
  readonly file: TarFile;
  readonly handle: number;
}

async function readEntries(archive: Archive, pace: Pace): Promise<TarTree> {
  const tree = new Map<string, TarEntry>();
  const global = new Map<string, Buffer>();
  let pending = nothingPending(global);
  let kept = 0;
  for (let at = 0; ; ) {
    const header = readHeader(archive, at);
    if (header === undefined) return tree;
    const size = sizeOf(header, pending);
    const start = at + block;
    if (start + size > archive.file.length) throw invalidArchive("it is cut short");
    if (isExtended(header.typeflag)) {
      apply(header.typeflag, readBytes(archive, start, size), pending, global);
    } else {
      const place = { path: archive.file.path, offset: archive.file.offset + start, size };
      const entry = toEntry(header, pending, place);
      kept += entry === undefined ? 0 : keptBytes(entry);
      if (kept > maxKept) throw invalidArchive(`its names and attributes take more than ${maxKept} bytes`);
      add(tree, entry);
      pending = nothingPending(global);
    }
    at = start + Math.ceil(size / block) * block;
    const wait = pace();
    if (wait) await wait;
  }
}

function add(tree: Map<string, TarEntry>, entry: TarEntry | undefined): void {
  if (entry === undefined) return;
  tree.delete(entry.path);
  tree.set(entry.path, entry);
  if (tree.size > maxEntries) throw invalidArchive(`it has more than ${maxEntries} entries`);
}

function keptBytes({ path, link = "", xattrs = {} }: TarEntry): number {
  return Object.entries(xattrs).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    path.length + link.length,
  );
}

function nothingPending(global: ReadonlyMap<string, Buffer>): Pending {
  return { records: new Map(global), longPath: undefined, longLink: undefined };
}

interface Header {
  readonly bytes: Buffer;
  readonly typeflag: string;
}

/** The header at `at`; undefined at the end, which is a block of zeros, or none: `umoci insert` leaves out the last padding. */
function readHeader(archive: Archive, at: number): Header | undefined {
  if (at >= archive.file.length && at > 0) return undefined;
  if (at + block > archive.file.length) throw invalidArchive("it is cut short");
  const bytes = Buffer.alloc(block);
  readInto(archive, bytes, at);
  if (bytes.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 0x20 : (bytes[i] ?? 0);
  if (sum !== numberAt(bytes, 148, 8)) throw invalidArchive("a header is damaged");
  return { bytes, typeflag: bytes.toString("latin1", 156, 157) };
}

function isExtended(typeflag: string): typeflag is Extended {
  return ["x", "g", "L", "K"].includes(typeflag);
}

/** Extended headers and folders aside, pax may state the size that the header has no room for. */
function sizeOf({ bytes, typeflag }: Header, { records }: Pending): number {
  const size = numberAt(bytes, 124, 12);
  if (isExtended(typeflag)) {
    if (size > maxExtended)
      throw invalidArchive(`it has more than ${maxExtended} bytes of extended headers at once`);
    return size;
  }
  return entryTypes[typeflag] === "file" ? numberOf(records, "size", size) : 0;
}

function apply(typeflag: Extended, data: Buffer, pending: Pending, global: Map<string, Buffer>): void {
  if (typeflag === "L") pending.longPath = textOf(data);
  else if (typeflag === "K") pending.longLink = textOf(data);
  else {
    parseRecords(data, pending.records);
    if (typeflag === "g") parseRecords(data, global);
    if (global.size > maxGlobalRecords)
      throw invalidArchive(`it has more than ${maxGlobalRecords} global records`);
  }
}

function readBytes(archive: Archive, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readInto(archive, bytes, at);
  return bytes;
}

function readInto({ file, handle }: Archive, bytes: Buffer, at: number): void {
  if (readSync(handle, bytes, 0, bytes.length, file.offset + at) !== bytes.length)
    throw invalidArchive("it is cut short");
}

function toEntry(
  { bytes, typeflag }: Header,
  { records, longPath, longLink }: Pending,
  at: { readonly path: string; readonly offset: number; readonly size: number },
): TarEntry | undefined {
  const name = nameOf(records, "path") ?? longPath ?? headerPath(bytes);
  const path = normalizePath(name);
  // Old archives mark a folder by a slash at the end of a file's name.
  const type = entryTypes[typeflag] === "file" && name.endsWith("/") ? "folder" : entryTypes[typeflag];
  if (type === undefined)
    throw invalidArchive(`"${path}" is of a kind that an image cannot have (${JSON.stringify(typeflag)})`);
  if ([...records.keys()].some((key) => key.startsWith("GNU.sparse.")))
    throw invalidArchive(`"${path}" is a sparse file`);
  if (path === "") return undefined;
  const link = nameOf(records, "linkpath") ?? longLink ?? textOf(bytes.subarray(157, 257));
  const xattrs = xattrsOf(records);
  return {
    path,
    type,
    mode: numberAt(bytes, 100, 8) & 0o7777,
    uid: numberOf(records, "uid", numberAt(bytes, 108, 8)),
    gid: numberOf(records, "gid", numberAt(bytes, 116, 8)),
    mtime: mtimeOf(bytes, records),
    ...(type === "symlink" ? { link: symlinkTarget(path, link) } : {}),
    ...(type === "hardlink" ? { link: normalizePath(link) } : {}),
    ...(type === "char" || type === "block"
      ? { device: { major: deviceNumber(bytes, 329), minor: deviceNumber(bytes, 337) } }
      : {}),
    ...(type === "file"
      ? { content: { kind: "slice", path: at.path, offset: at.offset, length: at.size } }
      : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}

function symlinkTarget(path: string, target: string | null | undefined): string {
  if (!target || target.length > maxPath || target.includes("\0"))
    throw invalidArchive(`the symlink "${path}" has no valid target`);
  return target;
}

/** `./usr//bin/` as `usr/bin`; the root itself as an empty string. */
function normalizePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0") || fileNameBytes(name).length > maxPath) {
    throw invalidArchive(`the path "${name.slice(0, 200)}" leads out of the image or is malformed`);
  }
  if (parts.some((part) => fileNameBytes(part).length > 255))
    throw invalidArchive(`"${name.slice(0, 200)}" has a part of over 255 bytes`);
  if (parts.some((part) => /^\.wh\.{1,3}$/.test(part)))
    throw invalidArchive(`"${name.slice(0, 200)}" removes a file without a name`);
  return parts.join("/");
}

/** Which archive it is: a layer of an image, a package, an image itself. */
function named({ path }: TarFile, error: unknown): unknown {
  if (!(error instanceof KilnError) || error.code !== "image_invalid") return error;
  return new KilnError("image_invalid", `${path}: ${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}
