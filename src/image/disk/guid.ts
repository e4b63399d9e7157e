import { createHash } from "node:crypto";

/** A GUID of version 8 (RFC 9562, section 5.8) that follows from a text or bytes. */
export function guidOf(text: string | Uint8Array): Buffer {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes[7] = ((bytes[7] ?? 0) & 0x0f) | 0x80; // the first three fields are written with the low byte first
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

/** As tables of UEFI have it. */
export function guidBytes(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
