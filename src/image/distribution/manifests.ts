import { readFileSync } from "node:fs";
import { digestOf } from "../../lib/files/sha256.ts";
import { attach } from "../store/attach.ts";
import {
  blobPath,
  blobSize,
  hasBlob,
  type ImageStore,
  putBlob,
  readBlob,
  readDescriptors,
  readIndex,
  withStoreLock,
} from "../store/image-store.ts";
import { foreignConfig, foreignIndex, foreignManifest } from "../store/oci-schema.ts";
import { annotations } from "../store/oci-types.ts";
import { publish } from "../store/publish.ts";
import { DistributionFault } from "./fault.ts";

/** As for registries everywhere. */
export const maxManifestBytes = 4 << 20;

export interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

const digestForm = /^sha256:[0-9a-f]{64}$/;
/** Tags that refer to a digest for clients without `subject` (distribution specification 1.1, "Referrers Tag Schema"). */
const referrersTag = /^sha256-[0-9a-f]{64}(\.[a-z]+)?$/;

/** The manifest that a version or a digest names. */
export async function findManifest(
  store: ImageStore,
  service: string,
  reference: string,
): Promise<StoredManifest> {
  const digest = digestForm.test(reference) ? reference : await digestNamed(store, service, reference);
  const size = digest === undefined ? undefined : blobSize(store, digest);
  // A digest may be a layer's, too, and those are larger than memory.
  if (digest === undefined || size === undefined || size > maxManifestBytes)
    throw unknown(service, reference);
  const bytes = readFileSync(blobPath(store, digest));
  const { mediaType } = parse(bytes, undefined);
  return { digest, mediaType, bytes };
}

async function digestNamed(store: ImageStore, service: string, tag: string): Promise<string | undefined> {
  if (referrersTag.test(tag)) {
    const named = (await readDescriptors(store)).find(
      (one) => one.annotations?.[annotations.refName] === tag,
    );
    return named?.digest;
  }
  const own = (await readIndex(store)).find((one) => one.service === service && one.version === tag);
  return own?.descriptor.digest;
}

function unknown(service: string, reference: string): DistributionFault {
  return new DistributionFault(404, "MANIFEST_UNKNOWN", `${service} has no image ${reference}.`);
}

/** The versions of a service, in the order in which they were made. */
export async function tagsOf(store: ImageStore, service: string): Promise<readonly string[]> {
  return (await readIndex(store)).filter((one) => one.service === service).map(({ version }) => version);
}

interface Parsed {
  readonly mediaType: string;
  /** What must be in the store already. */
  readonly parts: readonly { readonly digest: string; readonly size: number }[];
  readonly layers?: readonly string[];
  readonly config?: string;
  readonly subject: string | undefined;
}

function parse(bytes: Buffer, declared: string | undefined): Parsed {
  const value = jsonOf(bytes);
  const mediaType = `${value.mediaType ?? declared ?? "application/vnd.oci.image.manifest.v1+json"}`;
  if (declared !== undefined && declared !== mediaType) throw invalid(`it says that it is ${mediaType}`);
  const { digest: subject } = (value.subject ?? {}) as { readonly digest?: string };
  if (subject !== undefined && !digestForm.test(subject)) throw invalid("its subject is not a digest");
  const index = value.manifests === undefined ? undefined : foreignIndex.safeParse(value);
  if (index?.success) return { mediaType, parts: index.data.manifests, subject };
  const manifest = foreignManifest.safeParse(value);
  if (!manifest.success) throw invalid(manifest.error.issues[0]?.message ?? "it is not a manifest");
  const { config, layers } = manifest.data;
  return {
    ...{ mediaType, subject, parts: [config, ...layers] },
    ...{ config: config.digest, layers: layers.map(({ digest }) => digest) },
  };
}

function jsonOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {}
  throw invalid("it is not JSON");
}

function invalid(why: string): DistributionFault {
  return new DistributionFault(400, "MANIFEST_INVALID", `The manifest cannot be used: ${why}.`);
}

export interface Received {
  readonly digest: string;
  readonly subject: string | undefined;
  /** The version that the image has from now on; undefined where nothing has changed, or it is not an image of a service. */
  readonly published: { readonly service: string; readonly version: string } | undefined;
}

/**
 * Stores a manifest whose blobs are there. Under a tag it becomes that version of the service, which then names it
 * forever; with a subject it is kept with the image that it refers to.
 */
export async function receiveManifest(
  store: ImageStore,
  to: { readonly service: string; readonly reference: string },
  sent: { readonly bytes: Buffer; readonly mediaType: string },
  nowMs: number,
  signal: AbortSignal,
): Promise<Received> {
  const digest = digestOf(sent.bytes);
  const parsed = parse(sent.bytes, sent.mediaType);
  const { service, reference } = to;
  const byDigest = digestForm.test(reference);
  if (byDigest && reference !== digest)
    throw new DistributionFault(400, "DIGEST_INVALID", `The manifest is ${digest}.`);
  for (const part of parsed.parts) {
    if (!hasBlob(store, part.digest, part.size, { nowMs }))
      throw new DistributionFault(404, "MANIFEST_BLOB_UNKNOWN", `The blob ${part.digest} is missing.`);
  }
  const isVersion = !byDigest && !referrersTag.test(reference);
  if (isVersion) requireUsable(store, parsed);
  const stored = await putBlob(store, sent.bytes, parsed.mediaType);
  if (!isVersion) {
    if (!byDigest || parsed.subject !== undefined)
      await withStoreLock(store, () => attach(store, stored, byDigest ? undefined : reference), signal);
    return { digest, subject: parsed.subject, published: undefined };
  }
  const { changed } = await publish(
    store,
    { service, wanted: reference, git: undefined, digest },
    nowMs,
    signal,
  );
  return {
    digest,
    subject: parsed.subject,
    published: changed ? { service, version: reference } : undefined,
  };
}

/** Servers are made from exactly these layers: each must be stored as its content is, and not compressed. */
function requireUsable(store: ImageStore, { layers, config }: Parsed): void {
  if (layers === undefined || config === undefined) throw invalid("a version names one image, not an index");
  if ((blobSize(store, config) ?? 0) > maxManifestBytes) throw invalid("its configuration is too large");
  const parsed = foreignConfig.safeParse(jsonOf(readBlob(store, config)));
  if (!parsed.success) throw invalid("its configuration is not an image's");
  const { diff_ids: plain } = parsed.data.rootfs;
  if (plain.length === layers.length && plain.every((id, i) => id === layers[i])) return;
  throw invalid("its layers are compressed, and Kiln deploys only images whose layers are plain");
}
