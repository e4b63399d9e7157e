import { KilnError } from "../../lib/errors.ts";
import { parseReference } from "../registry/reference.ts";
import { Registry } from "../registry/registry.ts";
import { chooseForThisMachine } from "./choose.ts";
import { foreignBase } from "./foreign-base.ts";
import { RegistryBlobs } from "./registry-blobs.ts";
import type { Base, OpenCall } from "./source.ts";

/**
 * An image in a registry as a base. kiln.lock has the digest that its tag named; manifests and the configuration are kept
 * in the cache, and a layer is fetched only when the image store lacks it: so a second build needs no network. Throws what
 * the registry's calls throw, `lock_invalid`, `image_unknown` (none for this machine), `image_invalid`.
 */
export async function openRegistryBase(text: string, call: OpenCall): Promise<Base> {
  const reference = parseReference(text);
  if (reference === undefined) throw new KilnError("spec_invalid", `${text} does not name an image.`);
  const registry = new Registry(reference, call);
  const blobs = new RegistryBlobs(registry, { cache: call.place.cache, progress: call.progress });
  const digest =
    reference.digest ?? (await call.bases.pin(text, () => blobs.resolve(reference.tag ?? "latest")));
  return foreignBase(blobs, await chooseForThisMachine(blobs, [await blobs.root(digest)]));
}
