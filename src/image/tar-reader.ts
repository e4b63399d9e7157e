import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import type { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { KilnError } from "../lib/errors.ts";
import type { Pace } from "../lib/pace.ts";
import type { Entry, Tree } from "./entry.ts";

/** A tar archive: `length` bytes of the file `path` from `offset`. */
export interface TarFile {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

const block = 512;
const maxEntries = 2_000_000;
const maxExtended = 8 << 20;
/** PATH_MAX of Linux, with its NUL. */
const maxPath = 4095;

const entryTypes: Readonly<Partial<Record<string, Entry["type"]>>> = {
  file: "file",
  "contiguous-file": "file",
  link: "hardlink",
  symlink: "symlink",
  directory: "folder",
  "character-device": "char",
  "block-device": "block",
  fifo: "fifo",
};

/**
 * What is in a tar archive (ustar, pax, GNU), contents as slices of the archive; of several entries with one path the
 * last counts. The archive may come from anywhere: throws `image_invalid` for what is cut short or malformed, for
 * paths that climb out, and for kinds of entries that no image has.
 */
export async function readTar(file: TarFile, pace: Pace): Promise<Tree> {
  const raw = openSync(file.path, "r");
  const stream = createReadStream(file.path, {
    start: file.offset,
    end: file.offset + file.length - 1,
    highWaterMark: 1 << 20,
  });
  try {
    return await readEntries(stream, raw, file, pace);
  } catch (error) {
    if (error instanceof KilnError || isSystemError(error)) throw error;
    throw invalid(error instanceof Error ? error.message : String(error), error);
  } finally {
    stream.destroy();
    closeSync(raw);
  }
}

/** A fault of this machine, not of the archive. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined;
}

async function readEntries(stream: Readable, raw: number, file: TarFile, pace: Pace): Promise<Tree> {
  const tree = new Map<string, Entry>();
  const tar = extract();
  stream.on("error", (error) => tar.destroy(error));
  let end = 0;
  for await (const item of stream.pipe(tar)) {
    const start = (item.header as Header & { byteOffset: number }).byteOffset;
    // What lies between the last entry's end and this one's header is its extended headers.
    const records = extendedRecords(raw, file.offset + end, file.offset + start - block);
    const entry = toEntry(item.header, records, { path: file.path, start: file.offset + start });
    end = start + Math.ceil(contentSize(item.header) / block) * block;
    item.resume();
    if (entry) {
      tree.delete(entry.path);
      tree.set(entry.path, entry);
    }
    if (tree.size > maxEntries) throw invalid(`it has more than ${maxEntries} entries`);
    const wait = pace();
    if (wait) await wait;
  }
  return tree;
}

function toEntry(
  header: Header,
  records: ReadonlyMap<string, Buffer>,
  at: { readonly path: string; readonly start: number },
): Entry | undefined {
  const path = normalizePath(header.name);
  const type = entryTypes[header.type ?? ""];
  if (type === undefined)
    throw invalid(`"${path}" is of a kind that no image has (${header.type ?? "unknown"})`);
  if (records.has("GNU.sparse.major")) throw invalid(`"${path}" is a sparse file`);
  if (path === "") return undefined;
  const size = contentSize(header);
  const xattrs = xattrsOf(records);
  return {
    path,
    type,
    mode: (header.mode ?? 0) & 0o7777,
    uid: numberOf(records, "uid", header.uid),
    gid: numberOf(records, "gid", header.gid),
    mtime: Math.max(0, numberOf(records, "mtime", (header.mtime?.getTime() ?? 0) / 1000)),
    ...(type === "symlink" ? { link: symlinkTarget(path, header.linkname) } : {}),
    ...(type === "hardlink" ? { link: normalizePath(header.linkname ?? "") } : {}),
    ...(type === "char" || type === "block"
      ? { device: { major: header.devmajor ?? 0, minor: header.devminor ?? 0 } }
      : {}),
    ...(type === "file" ? { content: { kind: "slice", path: at.path, offset: at.start, length: size } } : {}),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}

function contentSize(header: Header): number {
  return header.type === "directory" ? 0 : (header.size ?? 0);
}

function symlinkTarget(path: string, target: string | null | undefined): string {
  if (!target || target.length > maxPath || target.includes("\0"))
    throw invalid(`the symlink "${path}" has no valid target`);
  return target;
}

/** `./usr//bin/` as `usr/bin`; the root itself as an empty string. */
function normalizePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || name.includes("\0") || Buffer.byteLength(name) > maxPath) {
    throw invalid(`the path "${name.slice(0, 200)}" climbs out of the image or is malformed`);
  }
  if (parts.some((part) => Buffer.byteLength(part) > 255))
    throw invalid(`"${name.slice(0, 200)}" has a part of over 255 bytes`);
  return parts.join("/");
}

function numberOf(records: ReadonlyMap<string, Buffer>, key: string, fallback: number | undefined): number {
  const text = records.get(key)?.toString();
  const value = Math.floor(text === undefined ? (fallback ?? 0) : Number(text));
  if (!Number.isSafeInteger(value) || (key !== "mtime" && value < 0)) throw invalid(`it has a bad ${key}`);
  return value;
}

const xattrPrefix = "SCHILY.xattr.";

function xattrsOf(records: ReadonlyMap<string, Buffer>): Entry["xattrs"] {
  const found = [...records].filter(([key]) => key.startsWith(xattrPrefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([key, value]) => [key.slice(xattrPrefix.length), value]));
}

/** The pax records before an entry, as bytes: tar-stream would read the values as text, which extended attributes are not. */
function extendedRecords(raw: number, from: number, to: number): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  if (to - from > maxExtended) throw invalid(`it has more than ${maxExtended} bytes of extended headers`);
  if (to <= from) return records;
  const bytes = Buffer.alloc(to - from);
  readSync(raw, bytes, 0, bytes.length, from);
  for (let at = 0; at + block <= bytes.length; ) {
    const size = Number.parseInt(bytes.toString("latin1", at + 124, at + 136), 8) || 0;
    if (bytes[at + 156] === 0x78) parseRecords(bytes.subarray(at + block, at + block + size), records);
    at += block + Math.ceil(size / block) * block;
  }
  return records;
}

/** `<length> <key>=<value>\n`, one after the other (POSIX.1-2017, pax, "pax Extended Header"). */
function parseRecords(bytes: Buffer, records: Map<string, Buffer>): void {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(bytes.toString("latin1", at, space));
    const equals = bytes.indexOf(0x3d, space);
    const end = at + length;
    if (!(length > 0) || equals < 0 || equals >= end || end > bytes.length)
      throw invalid("an extended header is malformed");
    records.set(bytes.toString("utf8", space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
}

function invalid(what: string, cause?: unknown): KilnError {
  return new KilnError("image_invalid", `An archive cannot be read: ${what}.`, {
    hint: "Make the image again with a current tool, for example `skopeo copy`.",
    cause,
  });
}
