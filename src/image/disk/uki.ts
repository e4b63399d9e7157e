import { KilnError } from "../../lib/errors.ts";

/** A part of the program by the name that systemd-stub(7) looks for: `.linux`, `.initrd`, `.cmdline`, `.osrel`. */
export interface UkiSection {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const sectionHeaderBytes = 40;
/** Sections after the program's own begin where a page begins, whatever the program's own alignment is. */
const page = 4096;
/** IMAGE_SCN_CNT_INITIALIZED_DATA and IMAGE_SCN_MEM_READ. */
const readOnlyData = 0x4000_0040;

/**
 * A unified kernel image: the program with these sections appended (UAPI Group specification "Unified Kernel Image"; Microsoft's "PE Format").
 * The same parts give the same bytes. Throws `image_invalid` when the program is not a PE32+ file with room for them.
 */
export function unifiedKernel(stub: Buffer, sections: readonly UkiSection[]): Buffer {
  const at = stub.length > 0x40 && stub.readUInt16LE(0) === 0x5a4d ? stub.readUInt32LE(0x3c) : 0;
  const optional = at + 24;
  if (at === 0 || stub.toString("latin1", at, at + 4) !== "PE\0\0" || stub.readUInt16LE(optional) !== 0x20b)
    throw new KilnError("image_invalid", "The boot stub is not a program for UEFI on x86-64.");
  const count = stub.readUInt16LE(at + 6);
  const table = optional + stub.readUInt16LE(at + 20);
  const fileAlignment = stub.readUInt32LE(optional + 36);
  const end = table + (count + sections.length) * sectionHeaderBytes;
  if (end > stub.readUInt32LE(optional + 60))
    throw new KilnError("image_invalid", "The boot stub has no room for the parts of a machine.");
  const head = Buffer.from(stub.subarray(0, endOfSections(stub, optional, count)));
  let address = roundUp(stub.readUInt32LE(optional + 56), page);
  let place = roundUp(head.length, fileAlignment);
  const parts: Buffer[] = [head, Buffer.alloc(place - head.length)];
  for (const [index, { name, bytes }] of sections.entries()) {
    const padded = roundUp(bytes.length, fileAlignment);
    const header = table + (count + index) * sectionHeaderBytes;
    head.write(name.padEnd(8, "\0"), header, 8, "latin1");
    const fields = [bytes.length, address, padded, place, 0, 0, 0, readOnlyData];
    for (const [i, field] of fields.entries()) head.writeUInt32LE(field, header + 8 + i * 4);
    parts.push(Buffer.from(bytes), Buffer.alloc(padded - bytes.length));
    address = roundUp(address + bytes.length, page);
    place += padded;
  }
  head.writeUInt16LE(count + sections.length, at + 6);
  head.fill(0, at + 8, at + 16); // PointerToSymbolTable, NumberOfSymbols
  head.writeUInt32LE(address, optional + 56); // SizeOfImage
  head.writeUInt32LE(0, optional + 64); // CheckSum: firmware does not look at it
  return Buffer.concat(parts);
}

/** Symbols for debuggers come after that. Left out, no gap is left: programs differ in whether a signature covers gaps. */
function endOfSections(stub: Buffer, optional: number, count: number): number {
  const table = optional + stub.readUInt16LE(optional - 4);
  const ends = Array.from({ length: count }, (_, i) => {
    const header = table + i * sectionHeaderBytes;
    return stub.readUInt32LE(header + 16) + stub.readUInt32LE(header + 20);
  });
  return Math.max(stub.readUInt32LE(optional + 60), ...ends); // the header, with no section
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
