import assert from "node:assert";
import { fileNameBytes } from "../../lib/files/file-names.ts";
import { contentLength } from "../store/content.ts";
import type { Content, TarEntry, TarTree } from "./entry.ts";

/**
 * Raised when the same entries would give other bytes: it is part of every layer's cache key.
 */
export const tarFormat = 1;

/** A run of bytes of a tar archive: a header, padding, or an entry's content. */
export interface TarPart {
  readonly content: Content;
  /** Set on the part that holds this entry's content. */
  readonly of?: TarEntry;
}

const block = 512;
/** POSIX.1-2017, pax, "ustar Interchange Format": the typeflag of each kind of entry. */
const typeflags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  folder: "5",
  fifo: "6",
} as const satisfies Record<TarEntry["type"], string>;

/**
 * A tar archive that depends on the entries alone: sorted, numeric owners, no names of users or groups, extended
 * headers only for values that do not fit into ustar. Format: POSIX.1-2017, utility pax, "pax Interchange Format"; extended
 * attributes as SCHILY.xattr records, as the OCI image specification's layer.md asks.
 */
export function* tarParts(tree: TarTree): Generator<TarPart> {
  for (const entry of inTarOrder(tree)) {
    const length = contentLength(entry.content);
    yield bytesPart(entryHeader(entry, length));
    if (entry.content === undefined || length === 0) continue;
    yield { content: entry.content, of: entry };
    if (length % block !== 0) yield bytesPart(tarPadding(length));
  }
  yield bytesPart(tarEnd);
}

/** The end of an archive. */
export const tarEnd: Uint8Array = Buffer.alloc(2 * block);

/** The padding after `length` bytes of content. */
export function tarPadding(length: number): Uint8Array {
  return Buffer.alloc((block - (length % block)) % block);
}

/** By the bytes of the path, which puts parents first; hard links last, so that each comes after its target. */
function inTarOrder(tree: TarTree): TarEntry[] {
  const keyed = [...tree.values()].map((entry) => ({ entry, key: fileNameBytes(entry.path) }));
  keyed.sort((a, b) => rank(a.entry) - rank(b.entry) || Buffer.compare(a.key, b.key));
  return keyed.map(({ entry }) => entry);
}

function rank(entry: TarEntry): number {
  return entry.type === "hardlink" ? 1 : 0;
}

function bytesPart(bytes: Uint8Array): TarPart {
  return { content: { kind: "bytes", bytes } };
}

/** The entry's header, with an extended header before it when it needs one. `length` is that of its content. */
export function entryHeader(entry: TarEntry, length: number): Buffer {
  const path = entry.type === "folder" ? `${entry.path}/` : entry.path;
  const link = entry.link ?? "";
  const mtime = Math.max(0, Math.floor(entry.mtime));
  const records = new Map<string, Uint8Array>();
  const fitting = (key: string, value: string, fits: boolean) => {
    if (!fits) records.set(key, fileNameBytes(value));
    return fits;
  };
  const header = ustarHeader({
    path: fitting("path", path, fitsField(path)) ? path : "",
    link: fitting("linkpath", link, fitsField(link)) ? link : "",
    mode: entry.mode,
    uid: fitting("uid", `${entry.uid}`, entry.uid < 8 ** 7) ? entry.uid : 0,
    gid: fitting("gid", `${entry.gid}`, entry.gid < 8 ** 7) ? entry.gid : 0,
    size: fitting("size", `${length}`, length < 8 ** 11) ? length : 0,
    mtime: fitting("mtime", `${mtime}`, mtime < 8 ** 11) ? mtime : 0,
    typeflag: typeflags[entry.type],
    device: entry.device,
  });
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) records.set(`SCHILY.xattr.${name}`, value);
  return records.size === 0 ? header : Buffer.concat([extendedHeader(records), header]);
}

/** Names of up to 100 bytes stand in the header itself when they are ASCII, the only characters ustar is sure of. */
function fitsField(name: string): boolean {
  return name.length <= 100 && /^[\x20-\x7e]*$/.test(name);
}

function extendedHeader(records: ReadonlyMap<string, Uint8Array>): Buffer {
  const sorted = [...records].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const body = Buffer.concat(sorted.map(([key, value]) => paxRecord(key, value)));
  const header = ustarHeader({
    path: "pax-header",
    link: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: body.length,
    mtime: 0,
    typeflag: "x",
    device: undefined,
  });
  return Buffer.concat([header, body, Buffer.alloc((block - (body.length % block)) % block)]);
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

interface UstarFields {
  readonly path: string;
  readonly link: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly typeflag: string;
  readonly device: TarEntry["device"];
}

function ustarHeader(fields: UstarFields): Buffer {
  const header = Buffer.alloc(block);
  header.write(fields.path, 0, 100, "latin1");
  writeOctal(header, 100, 8, fields.mode);
  writeOctal(header, 108, 8, fields.uid);
  writeOctal(header, 116, 8, fields.gid);
  writeOctal(header, 124, 12, fields.size);
  writeOctal(header, 136, 12, fields.mtime);
  header.write(fields.typeflag, 156, "latin1");
  header.write(fields.link, 157, 100, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  writeOctal(header, 329, 8, fields.device?.major ?? 0);
  writeOctal(header, 337, 8, fields.device?.minor ?? 0);
  writeChecksum(header);
  return header;
}

function writeOctal(header: Buffer, offset: number, width: number, value: number): void {
  const digits = value.toString(8).padStart(width - 1, "0");
  assert(digits.length === width - 1, `${value} has no room in a tar header`);
  header.write(digits, offset, "latin1");
}

/** The sum of all bytes, with the checksum's own field read as spaces; six digits, NUL, space. */
function writeChecksum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\x00 `, 148, "latin1");
}
