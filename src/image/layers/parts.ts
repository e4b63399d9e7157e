import { KilnError } from "../../lib/errors.ts";
import { type ImageStore, readManifestOrIndex } from "../store/image-store.ts";
import { annotations, type Descriptor, type Index, type Manifest } from "../store/oci-types.ts";

/** A blob that belongs to an image. Bytes as the descriptor states them. */
interface Part {
  readonly digest: string;
  readonly kind: "manifest" | "config" | "layer";
  readonly bytes: number;
}

/**
 * The blobs that an image or an index consists of, itself first, each once. A missing or damaged blob has no further
 * parts: one damaged image must not prevent listing or freeing the others.
 */
export function partsOf(store: ImageStore, digest: string, seen = new Set<string>()): readonly Part[] {
  if (seen.has(digest)) return [];
  seen.add(digest);
  const self: Part = { digest, kind: "manifest", bytes: 0 };
  const content = contentOf(store, digest);
  if (content === undefined) return [self];
  if ("manifests" in content) {
    return [self, ...content.manifests.flatMap((child) => partsOf(store, child.digest, seen))];
  }
  const { config, layers } = content;
  return [self, part(config, "config"), ...layers.map((layer) => part(layer, "layer"))];
}

function part({ digest, size }: Descriptor, kind: Part["kind"]): Part {
  return { digest, kind, bytes: size };
}

/** Undefined when the store lacks it, or has other bytes under its digest. */
export function contentOf(store: ImageStore, digest: string): Manifest | Index | undefined {
  try {
    return readManifestOrIndex(store, digest);
  } catch (error) {
    if (error instanceof KilnError) return undefined;
    throw error;
  }
}

/**
 * The digest that an entry of the index refers to without being part of it: by `subject` (manifest.md), or, from tools
 * that cannot write that, by a tag such as `sha256-4f1c….sig` (distribution specification 1.1, "Referrers Tag Schema").
 */
export function subjectOf(store: ImageStore, descriptor: Descriptor): string | undefined {
  const tag = /^sha256-([0-9a-f]{64})(\.[a-z]+)?$/.exec(descriptor.annotations?.[annotations.refName] ?? "");
  return tag ? `sha256:${tag[1]}` : contentOf(store, descriptor.digest)?.subject?.digest;
}
