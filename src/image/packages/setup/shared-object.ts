import { contentRange } from "../../store/content.ts";
import type { Content } from "../../tar/entry.ts";

/** `e_machine` (elf(5)) of 64-bit libraries, and the flags by which the loader knows them (glibc, `_DL_CACHE_DEFAULT_ID`). */
const machines: Readonly<Record<number, number>> = { 62: 0x0303, 183: 0x0a03 };

/** `ET_DYN`; `PT_LOAD`, `PT_DYNAMIC`; `DT_STRTAB`, `DT_SONAME` (elf(5)). */
const sharedType = 3;
const segments = { load: 1, dynamic: 2 } as const;
const tags = { texts: 5, name: 14 } as const;

/** The loader's flags for a library with this header; undefined for anything but a 64-bit little-endian library of x86 or ARM. */
export function libraryMachine(header: Buffer): number | undefined {
  const isElf = header.length === 64 && header.toString("latin1", 0, 4) === "\x7fELF";
  const isOurs = isElf && header[4] === 2 && header[5] === 1 && header.readUInt16LE(16) === sharedType;
  return isOurs ? machines[header.readUInt16LE(18)] : undefined;
}

/** Of program headers; a header may claim 4 GiB. */
const largestTable = 1 << 20;

/** The name that programs know a 64-bit little-endian library by (`DT_SONAME`); undefined where it has none. */
export function sharedObjectName(content: Content): string | undefined {
  const header = contentRange(content, 0, 64);
  const size = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  const table = contentRange(
    content,
    Number(header.readBigUInt64LE(32)),
    Math.min(size * count, largestTable),
  );
  const programs = Array.from({ length: Math.floor(table.length / Math.max(56, size)) }, (_, i) => {
    return programAt(table, i * size);
  });
  const dynamic = programs.find(({ type }) => type === segments.dynamic);
  if (dynamic === undefined) return undefined;
  const entries = dynamicEntries(contentRange(content, dynamic.offset, Math.min(dynamic.size, 1 << 20)));
  const [texts, name] = [entries.get(tags.texts), entries.get(tags.name)];
  if (texts === undefined || name === undefined) return undefined;
  const at = programs.find(
    ({ type, address, size: bytes }) => type === segments.load && texts >= address && texts < address + bytes,
  );
  if (at === undefined) return undefined;
  const bytes = contentRange(content, texts - at.address + at.offset + name, 256);
  return bytes.toString("latin1").split("\0")[0] || undefined;
}

/** `Elf64_Phdr`. */
function programAt(table: Buffer, at: number) {
  return {
    type: table.readUInt32LE(at),
    offset: Number(table.readBigUInt64LE(at + 8)),
    address: Number(table.readBigUInt64LE(at + 16)),
    size: Number(table.readBigUInt64LE(at + 32)),
  };
}

/** `Elf64_Dyn`: pairs of a tag and a value; the last of a tag counts. */
function dynamicEntries(bytes: Buffer): ReadonlyMap<number, number> {
  const entries = new Map<number, number>();
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    entries.set(Number(bytes.readBigUInt64LE(at)), Number(bytes.readBigUInt64LE(at + 8)));
  }
  return entries;
}
