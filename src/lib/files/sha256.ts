import { createHash } from "node:crypto";

/** The sha256 of some bytes (text as UTF-8), 64 hex digits. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The same as a digest of the OCI image specification (descriptor.md): `sha256:<64 hex digits>`. */
export function digestOf(data: string | Uint8Array): string {
  return `sha256:${sha256(data)}`;
}
