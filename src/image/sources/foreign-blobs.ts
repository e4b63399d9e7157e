import type { z } from "zod";
import { KilnError } from "../../lib/errors.ts";
import { digestOf } from "../../lib/files/sha256.ts";
import { contentBytes } from "../store/content.ts";
import type { ForeignDescriptor } from "../store/oci-schema.ts";
import type { Content } from "../tar/entry.ts";

/** Manifests, indexes and configurations are small; a registry would refuse larger ones. */
const maxJsonBytes = 4 << 20;

/** The blobs of an image that others made: in a layout on this machine, or in a registry. */
export interface ForeignBlobs {
  /** For messages: a path, or a reference. */
  readonly name: string;
  /** How kiln.yaml names one of several images, for messages: `oci:PATH#REF`. */
  readonly choice: string;
  /** A file of this size on this machine; its digest is not checked yet. Throws `image_invalid`, and what a registry throws. */
  open(wanted: ForeignDescriptor): Promise<Content>;
  /** The files that `open` gives match their digests, and may be moved away. */
  readonly areOurs?: boolean;
  /** The blob is not needed again: a copy of it can go. */
  done?(wanted: ForeignDescriptor): void;
}

/** A small JSON blob, checked against its digest and its schema. */
export async function parsed<T extends z.ZodType>(
  schema: T,
  blobs: ForeignBlobs,
  wanted: ForeignDescriptor,
): Promise<z.infer<T>> {
  return checked(
    schema,
    blobs.name,
    wanted.digest,
    jsonOf(blobs.name, await blobs.open(wanted), wanted.digest),
  );
}

/** A small JSON file. */
export function jsonOf(name: string, content: Content, digest?: string): unknown {
  const bytes = contentBytes(content, maxJsonBytes);
  if (digest !== undefined && digestOf(bytes) !== digest) throw damagedBlob(name, digest);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new KilnError("image_invalid", `${name}: ${digest ?? "index.json"} is not valid JSON.`, { cause });
  }
}

/** Throws `image_invalid` with the place in the JSON. */
export function checked<T extends z.ZodType>(
  schema: T,
  name: string,
  what: string,
  value: unknown,
): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.length ? ` at ${issue.path.join(".")}` : "";
  throw new KilnError("image_invalid", `${name}: ${what} is malformed${where}: ${issue?.message}.`);
}

export function damagedBlob(name: string, digest: string): KilnError {
  return new KilnError("image_invalid", `${name}: the bytes of the blob ${digest} do not match its digest.`, {
    hint: "Copy the image again; this copy is damaged.",
  });
}
