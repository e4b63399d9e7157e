import type { FileHandle } from "node:fs/promises";
import type { Disk } from "./pieces.ts";
import { writeRaw } from "./raw.ts";

/**
 * The disk as a fixed VHD ("Virtual Hard Disk Image Format Specification" of Microsoft): its bytes, and a footer. Azure wants a size in whole MiB, which every disk
 * of Kiln has.
 */
export async function writeVhd(file: FileHandle, disk: Disk, signal: AbortSignal): Promise<void> {
  await writeRaw(file, disk, signal);
  await file.write(footer(disk.bytes), 0, 512, disk.bytes);
}

function footer(bytes: number): Buffer {
  const { cylinders, heads, sectors } = geometry(bytes / 512);
  const foot = Buffer.alloc(512);
  foot.write("conectix", 0, "latin1");
  foot.writeUInt32BE(2, 8); // features: the reserved one
  foot.writeUInt32BE(0x0001_0000, 12);
  foot.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 16); // no other header
  foot.write("win ", 28, "latin1"); // QEMU takes the size of such disks from `bytes`, of unknown makers' from the geometry
  foot.writeUInt32BE(0x0001_0000, 32);
  foot.write("Wi2k", 36, "latin1");
  foot.writeBigUInt64BE(BigInt(bytes), 40);
  foot.writeBigUInt64BE(BigInt(bytes), 48);
  foot.writeUInt16BE(cylinders, 56);
  foot[58] = heads;
  foot[59] = sectors;
  foot.writeUInt32BE(2, 60); // fixed
  foot.write("KILN", 68, "latin1"); // the first bytes of its number, which is 0 otherwise
  const sum = foot.reduce((total, byte) => total + byte, 0);
  foot.writeUInt32BE(~sum >>> 0, 64);
  return foot;
}

/** "CHS Calculation", an appendix of the specification. */
function geometry(total: number) {
  const all = Math.min(total, 65_535 * 16 * 255);
  if (all >= 65_535 * 16 * 63) return { cylinders: Math.floor(all / (16 * 255)), heads: 16, sectors: 255 };
  const heads = Math.max(4, Math.ceil(Math.floor(all / 17) / 1024));
  if (Math.floor(all / 17) < heads * 1024 && heads <= 16)
    return { cylinders: Math.floor(all / (17 * heads)), heads, sectors: 17 };
  if (Math.floor(all / 31) < 16 * 1024)
    return { cylinders: Math.floor(all / (31 * 16)), heads: 16, sectors: 31 };
  return { cylinders: Math.floor(all / (63 * 16)), heads: 16, sectors: 63 };
}
