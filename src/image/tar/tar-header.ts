import { KilnError } from "../../lib/errors.ts";
import { fileNameText } from "../../lib/files/file-names.ts";

/** Octal digits, or, with the first bit set, GNU's big-endian binary. */
export function numberAt(bytes: Buffer, offset: number, width: number): number {
  const field = bytes.subarray(offset, offset + width);
  if ((field[0] ?? 0) >= 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x3f);
    if (!Number.isSafeInteger(value) || field[0] === 0xff)
      throw invalidArchive("a number in it is too large");
    return value;
  }
  const digits = textOf(field).trim();
  if (!/^[0-7]*$/.test(digits)) throw invalidArchive("a header is malformed");
  return Number.parseInt(digits || "0", 8);
}

/** Up to the first NUL. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return fileNameText(end < 0 ? bytes : bytes.subarray(0, end));
}

/** The name, after its prefix in a header of ustar. */
export function headerPath(bytes: Buffer): string {
  const name = textOf(bytes.subarray(0, 100));
  const prefix = bytes.toString("latin1", 257, 263) === "ustar\0" ? textOf(bytes.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Linux has 12 bits for the one and 20 for the other: makedev(3). */
export function deviceNumber(bytes: Buffer, offset: number): number {
  const value = numberAt(bytes, offset, 8);
  if (value >= 2 ** 20) throw invalidArchive("a device's number in it is too large");
  return value;
}

/** A fault of the archive. */
export function invalidArchive(what: string, cause?: unknown): KilnError {
  return new KilnError("image_invalid", `An archive cannot be read: ${what}.`, {
    hint: "Create the image again with a current tool, for example `skopeo copy`.",
    cause,
  });
}
