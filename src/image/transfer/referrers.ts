import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { KilnError } from "../../lib/errors.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import { downloadBlob } from "../registry/download.ts";
import type { FetchedManifest, Registry } from "../registry/registry.ts";
import { bytesOf } from "../registry/transport.ts";
import { putManifest, uploadBlob } from "../registry/upload.ts";
import { attach } from "../store/attach.ts";
import { referrersOf } from "../store/describe.ts";
import {
  blobPath,
  hasBlob,
  type ImageStore,
  putBlob,
  readManifest,
  withStoreLock,
} from "../store/image-store.ts";
import { type ForeignDescriptor, foreignIndex, foreignManifest } from "../store/oci-schema.ts";
import { type Descriptor, mediaTypes } from "../store/oci-types.ts";

/** Signatures and similar data are small: what is larger, or more, is not taken. */
const mostReferrers = 100;
const maxReferrerBytes = 64 << 20;
/** A signature may be signed itself. */
const deepest = 3;

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
    if (subject?.digest !== digest) continue; // by a tag alone: the tag is another tool's
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

const tagOf = (digest: string) => digest.replace(":", "-");
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

async function manifestIfThere(registry: Registry, reference: string): Promise<FetchedManifest | undefined> {
  try {
    return await registry.manifest(reference);
  } catch (error) {
    if (error instanceof KilnError && error.code === "image_unknown") return undefined;
    throw error;
  }
}

/** Takes what refers to an image into the store, next to it. Returns how many there are. */
export async function pullReferrers(
  store: ImageStore,
  digest: string,
  registry: Registry,
  depth = 1,
): Promise<number> {
  const found = (await listed(registry, digest))
    .filter((one) => one.digest !== digest)
    .slice(0, mostReferrers);
  let count = 0;
  for (const { digest: own } of found) {
    if (!(await takeReferrer(store, digest, own, registry))) continue;
    count += 1 + (depth < deepest ? await pullReferrers(store, own, registry, depth + 1) : 0);
  }
  return count;
}

/** An index, from the API of referrers or from the tag that stands for it; some registries answer with a page instead. */
async function listed(registry: Registry, digest: string): Promise<readonly ForeignDescriptor[]> {
  const url = registry.urlOf(`referrers/${digest}`);
  const answer = await registry.ask(
    { method: "GET", url, headers: { accept: mediaTypes.index } },
    "pull",
    "any",
  );
  const isIndex = answer.status === 200 && `${answer.headers["content-type"]}`.startsWith(mediaTypes.index);
  if (!isIndex) answer.body.destroy();
  const bytes = isIndex
    ? await bytesOf(answer, 4 << 20)
    : (await manifestIfThere(registry, tagOf(digest)))?.bytes;
  return bytes === undefined ? [] : (foreignIndex.safeParse(jsonIn(bytes)).data?.manifests ?? []);
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** False for one that refers to something else, or is too large. */
async function takeReferrer(
  store: ImageStore,
  subject: string,
  digest: string,
  registry: Registry,
): Promise<boolean> {
  const fetched = await registry.manifest(digest);
  const value = jsonIn(fetched.bytes) as { readonly subject?: { readonly digest?: string } } | undefined;
  const manifest = foreignManifest.safeParse(value).data;
  if (manifest === undefined || value?.subject?.digest !== subject) return false;
  const parts = [manifest.config, ...manifest.layers];
  if (parts.reduce((sum, { size }) => sum + size, 0) > maxReferrerBytes) return false;
  for (const part of parts) await takeBlob(store, part, registry);
  const stored = await putBlob(store, fetched.bytes, fetched.mediaType);
  await withStoreLock(store, () => attach(store, stored, undefined), registry.signal);
  return true;
}

async function takeBlob(store: ImageStore, part: ForeignDescriptor, registry: Registry): Promise<void> {
  if (hasBlob(store, part.digest, part.size, { nowMs: registry.clock.now() })) return;
  const path = temporaryPath(store.temporary);
  try {
    await downloadBlob(registry, part, path);
    await putBlob(store, readFileSync(path), part.mediaType);
  } finally {
    await rm(path, { force: true });
    await rm(`${path}.part`, { force: true });
  }
}
