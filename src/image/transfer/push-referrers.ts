import { readFileSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import type { FetchedManifest, Registry } from "../registry/registry.ts";
import { putManifest, uploadBlob } from "../registry/upload.ts";
import { referrersOf } from "../store/describe.ts";
import { blobPath, type ImageStore, readDescriptors, readManifest } from "../store/image-store.ts";
import { foreignIndex } from "../store/oci-schema.ts";
import { annotations, type Descriptor, mediaTypes } from "../store/oci-types.ts";

/**
 * What refers to an image goes with it, such as its signatures, and what refers to those. A registry without the API of
 * referrers gets them in the tag that stands for it (distribution specification 1.1, "Pushing Manifests with Subject").
 * Returns how many there are.
 */
export async function pushReferrers(store: ImageStore, digest: string, registry: Registry): Promise<number> {
  const referrers = await referrersOf(store, digest);
  let count = 0;
  for (const referrer of referrers) {
    const { config, layers, subject } = readManifest(store, referrer.digest);
    if (subject?.digest !== digest) continue; // by a tag alone: see pushTagged
    for (const part of [config, ...layers])
      await uploadBlob(registry, { ...part, path: blobPath(store, part.digest) });
    const bytes = readFileSync(blobPath(store, referrer.digest));
    const { isListed } = await putManifest(registry, referrer.digest, {
      bytes,
      mediaType: referrer.mediaType,
    });
    if (!isListed) await listInTag(registry, digest, referrer);
    count += 1 + (await pushReferrers(store, referrer.digest, registry));
  }
  return count;
}

/** The tag that stands for the list of what refers to a digest (distribution specification 1.1, "Referrers Tag Schema"). */
export const tagOf = (digest: string) => digest.replace(":", "-");
/** The tag under which cosign before version 3 keeps the signatures of a digest. */
export const signatureTagOf = (digest: string) => `${tagOf(digest)}.sig`;

/** Signatures that are known by their tag alone go along, under it. Returns how many manifests that is. */
export async function pushTagged(store: ImageStore, digest: string, registry: Registry): Promise<number> {
  const tag = signatureTagOf(digest);
  const found = (await readDescriptors(store)).find((one) => one.annotations?.[annotations.refName] === tag);
  if (found === undefined) return 0;
  const { config, layers, mediaType } = readManifest(store, found.digest);
  for (const part of [config, ...layers])
    await uploadBlob(registry, { ...part, path: blobPath(store, part.digest) });
  await putManifest(registry, tag, { bytes: readFileSync(blobPath(store, found.digest)), mediaType });
  return 1;
}

/** Registries do not lock a tag: what another client writes at the same time may be lost, and is looked for. */
const attempts = 3;

async function listInTag(registry: Registry, subject: string, referrer: Descriptor): Promise<void> {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const others = await indexInTag(registry, subject);
    if (others.some(({ digest }) => digest === referrer.digest)) return;
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...others, referrer] };
    const bytes = Buffer.from(JSON.stringify(index));
    await putManifest(registry, tagOf(subject), { bytes, mediaType: mediaTypes.index });
  }
  if ((await indexInTag(registry, subject)).some(({ digest }) => digest === referrer.digest)) return;
  throw new KilnError("registry_failed", `The list of what refers to ${subject} does not keep its entries.`, {
    hint: "Another client writes it at the same time. Repeat the command.",
    retry: true,
  });
}

/** As they are in the registry, with members that Kiln does not know. Empty without the tag. */
async function indexInTag(registry: Registry, subject: string): Promise<readonly Descriptor[]> {
  const found = await manifestIfThere(registry, tagOf(subject));
  if (found === undefined) return [];
  const value = JSON.parse(found.bytes.toString()) as { readonly manifests?: readonly Descriptor[] };
  if (foreignIndex.safeParse(value).success && value.manifests) return value.manifests;
  throw new KilnError(
    "registry_failed",
    `The tag ${tagOf(subject)} is not a list of what refers to ${subject}.`,
    {
      hint: "Remove the tag from the registry, if nothing else needs it.",
    },
  );
}

/** Undefined for a tag that the registry does not have. */
export async function manifestIfThere(
  registry: Registry,
  reference: string,
): Promise<FetchedManifest | undefined> {
  try {
    return await registry.manifest(reference);
  } catch (error) {
    if (error instanceof KilnError && error.code === "image_unknown") return undefined;
    throw error;
  }
}
