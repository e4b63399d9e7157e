import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { KilnError } from "../../lib/errors.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import { downloadBlob } from "../registry/download.ts";
import type { FetchedManifest, Registry } from "../registry/registry.ts";
import { bytesOf } from "../registry/transport.ts";
import { attach, attachAll } from "../store/attach.ts";
import { hasBlob, type ImageStore, putBlob, withStoreLock } from "../store/image-store.ts";
import {
  type ForeignDescriptor,
  foreignManifest,
  type ListedReferrer,
  referrerList,
} from "../store/oci-schema.ts";
import { type Descriptor, mediaTypes } from "../store/oci-types.ts";
import { manifestIfThere, signatureTagOf, tagOf } from "./push-referrers.ts";

/** What one pull takes, at all depths together. */
interface Limits {
  readonly count: number;
  readonly bytes: number;
}

/** Anyone who may push can attach data; signatures and bills of materials are small and few. */
const usualLimits: Limits = { count: 100, bytes: 128 << 20 };
const maxManifestBytes = 64 << 10;
/** A signature may be signed itself. */
const deepest = 3;
const mostNamed = 20;

export interface PulledReferrers {
  /** How many signatures and similar data came. */
  readonly attached: number;
  /** What is attached in the registry and did not come: how many, and the reasons for the first 20. */
  readonly notTaken: {
    readonly count: number;
    readonly named: readonly { readonly digest: string; readonly why: string }[];
  };
}

/**
 * Takes what refers to an image into the store, next to it, bundles of signatures first. One that the registry lacks, or that is something
 * else, does not keep the others from coming.
 */
export async function pullReferrers(
  store: ImageStore,
  digest: string,
  registry: Registry,
  limits = usualLimits,
): Promise<PulledReferrers> {
  const budget = new Budget(limits);
  const notTaken = new Refusals();
  const taken: Descriptor[] = [];
  const signed = await notTaken.unless(digest, () => takeTagged(store, digest, registry, budget));
  let subjects = [digest];
  for (let depth = 1; depth <= deepest; depth++) {
    const before = taken.length;
    for (const subject of subjects) {
      const list = await notTaken.unless(subject, () => listed(registry, subject));
      for (const { digest: own } of list ?? []) {
        if (own === digest || budget.asked.has(own)) continue;
        const one = await notTaken.unless(own, () => take(store, { subject, digest: own }, registry, budget));
        if (one !== undefined) taken.push(one);
      }
    }
    subjects = taken.slice(before).map((one) => one.digest);
  }
  // the index is written once, however many there are
  if (taken.length > 0) await withStoreLock(store, () => attachAll(store, taken), registry.signal);
  if (signed !== undefined)
    await withStoreLock(store, () => attach(store, signed, signatureTagOf(digest)), registry.signal);
  const { count, named } = notTaken;
  return { attached: taken.length + (signed === undefined ? 0 : 1), notTaken: { count, named } };
}

class Refusals {
  count = 0;
  readonly named: { readonly digest: string; readonly why: string }[] = [];

  /** The result of `work`; undefined, and noted, when this one alone is at fault. */
  async unless<T>(digest: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isOfOne(error)) throw error;
      this.count++;
      if (this.named.length < mostNamed) this.named.push({ digest, why: error.message });
      return undefined;
    }
  }
}

/** What is left of the limits. */
class Budget {
  readonly asked = new Set<string>();
  readonly #limits: Limits;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Before the registry is asked for it. */
  ask(digest: string): void {
    const { count } = this.#limits;
    if (this.asked.size >= count) throw refusal(`A pull asks for at most ${count} of what is attached.`);
    this.asked.add(digest);
  }

  /** Before it is downloaded. */
  spend(bytes: number): void {
    const { bytes: most } = this.#limits;
    if (this.#bytes + bytes > most)
      throw refusal(`It has ${bytes} bytes; a pull takes at most ${most} bytes of what is attached.`);
    this.#bytes += bytes;
  }
}

function refusal(message: string): KilnError {
  return new KilnError("image_invalid", message);
}

/** What the registry lacks, or has something else in its place. */
function isOfOne(error: unknown): error is KilnError {
  return error instanceof KilnError && (error.code === "image_unknown" || error.code === "image_invalid");
}

/**
 * An index, from the API of referrers or from the tag that stands for it; some registries answer with a page instead. Bundles, which may
 * be signatures, come first.
 */
async function listed(registry: Registry, digest: string): Promise<readonly ListedReferrer[]> {
  const url = registry.urlOf(`referrers/${digest}`);
  const answer = await registry.ask(
    { method: "GET", url, headers: { accept: mediaTypes.index } },
    "pull",
    "any",
  );
  const isIndex = answer.status === 200 && `${answer.headers["content-type"]}`.startsWith(mediaTypes.index);
  if (!isIndex) answer.body.destroy();
  const bytes = isIndex ? await bytesOf(answer, 4 << 20) : await tagged(registry, digest);
  const list = bytes === undefined ? [] : (referrerList.safeParse(jsonIn(bytes)).data?.manifests ?? []);
  const isBundle = ({ artifactType }: ListedReferrer) => artifactType === mediaTypes.bundle;
  return [...list.filter(isBundle), ...list.filter((one) => !isBundle(one))];
}

async function tagged(registry: Registry, digest: string): Promise<Buffer | undefined> {
  return (await manifestIfThere(registry, tagOf(digest)))?.bytes;
}

/** The manifest with the signatures of cosign before version 3; undefined where there is none. */
async function takeTagged(
  store: ImageStore,
  digest: string,
  registry: Registry,
  budget: Budget,
): Promise<Descriptor | undefined> {
  const found = await manifestIfThere(registry, signatureTagOf(digest));
  if (found === undefined) return undefined;
  requireSmall(found);
  return takeParts(store, found, registry, budget);
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

/** Its blobs and its manifest, which is not in the index yet. Throws `image_unknown` and `image_invalid` for one that is not taken. */
async function take(
  store: ImageStore,
  { subject, digest }: { readonly subject: string; readonly digest: string },
  registry: Registry,
  budget: Budget,
): Promise<Descriptor> {
  budget.ask(digest);
  const found = await registry.manifest(digest);
  requireSmall(found);
  const value = jsonIn(found.bytes) as { readonly subject?: { readonly digest?: string } } | undefined;
  if (value?.subject?.digest !== subject)
    throw refusal(`It is listed there, but does not refer to ${subject}.`);
  return takeParts(store, found, registry, budget);
}

function requireSmall({ bytes }: FetchedManifest): void {
  if (bytes.length > maxManifestBytes)
    throw refusal(`Its manifest has ${bytes.length} bytes; expected at most ${maxManifestBytes}.`);
}

async function takeParts(
  store: ImageStore,
  { bytes, mediaType }: FetchedManifest,
  registry: Registry,
  budget: Budget,
): Promise<Descriptor> {
  const manifest = foreignManifest.safeParse(jsonIn(bytes)).data;
  if (manifest === undefined) throw refusal("It is not a manifest.");
  const parts = [manifest.config, ...manifest.layers];
  budget.spend(parts.reduce((sum, { size }) => sum + size, bytes.length));
  for (const part of parts) await takeBlob(store, part, registry);
  return putBlob(store, bytes, mediaType);
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
