import { fileNameText } from "../../lib/files/file-names.ts";
import type { TarEntry } from "./entry.ts";
import { invalidArchive, numberAt } from "./tar-header.ts";

/** A path or a link, which need not be text. */
export function nameOf(records: ReadonlyMap<string, Buffer>, key: string): string | undefined {
  const bytes = records.get(key);
  return bytes === undefined ? undefined : fileNameText(bytes);
}

/** What the record says, or `fallback`, which is what the header says. */
export function numberOf(records: ReadonlyMap<string, Buffer>, key: string, fallback: number): number {
  const text = records.get(key)?.toString();
  if (text === undefined) return fallback;
  if (!/^\d{1,15}$/.test(text)) throw invalidArchive(`it has a bad ${key}`);
  return Number(text);
}

/** Whole seconds; times before 1970 count as 1970. */
export function mtimeOf(bytes: Buffer, records: ReadonlyMap<string, Buffer>): number {
  const text = records.get("mtime")?.toString();
  if (text === undefined) return (bytes[136] ?? 0) === 0xff ? 0 : numberAt(bytes, 136, 12);
  if (!/^-?\d{1,15}(\.\d*)?$/.test(text)) throw invalidArchive("it has a bad mtime");
  return Math.max(0, Math.floor(Number(text)));
}

const xattrPrefix = "SCHILY.xattr.";

/** Extended attributes, as GNU tar and star write them. */
export function xattrsOf(records: ReadonlyMap<string, Buffer>): TarEntry["xattrs"] {
  const found = [...records].filter(([key]) => key.startsWith(xattrPrefix));
  if (found.length === 0) return undefined;
  return Object.fromEntries(found.map(([key, value]) => [key.slice(xattrPrefix.length), Buffer.from(value)]));
}

/** `<length> <key>=<value>\n`, one after the other (POSIX.1-2017, pax, "pax Extended Header"). */
export function parseRecords(bytes: Buffer, records: Map<string, Buffer>): void {
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : bytes.toString("latin1", at, space);
    const length = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
    const equals = bytes.indexOf(0x3d, space);
    const end = at + length;
    if (length === 0 || equals < 0 || space < at || equals >= end || end > bytes.length)
      throw invalidArchive("an extended header is malformed");
    records.set(bytes.toString("utf8", space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
}
