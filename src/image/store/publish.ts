import { statSync } from "node:fs";
import { KilnError } from "../../lib/errors.ts";
import {
  blobPath,
  changeIndex,
  hasBlob,
  type ImageStore,
  type IndexEntry,
  readIndex,
  readManifest,
  readVersions,
  withStoreLock,
  writeVersions,
} from "./image-store.ts";
import { annotations, type Descriptor, mediaTypes } from "./oci-types.ts";
import { chooseVersion, type GitState } from "./version.ts";

export interface PublishRequest {
  readonly service: string;
  /** The spec's version. */
  readonly wanted: string | undefined;
  readonly git: GitState | undefined;
  /** Of the manifest, which is in the store with everything it refers to. */
  readonly digest: string;
}

export interface Published {
  readonly version: string;
  /** False when the image already had this version: then nothing was written. */
  readonly changed: boolean;
}

/**
 * Gives an image its version: the one step that makes it visible. Throws `version_taken`; and a retryable
 * `image_invalid` when another process has removed a part of it meanwhile.
 */
export async function publish(
  store: ImageStore,
  request: PublishRequest,
  nowMs: number,
  signal: AbortSignal,
): Promise<Published> {
  const present = await presentVersion(store, request);
  if (present !== undefined) return { version: present, changed: false };
  return withStoreLock(store, () => record(store, request, nowMs), signal);
}

async function presentVersion(store: ImageStore, request: PublishRequest): Promise<string | undefined> {
  const entries = await readIndex(store);
  const version = chooseVersion({ ...request, given: await readVersions(store) });
  return entries.some((entry) => isEntry(entry, request, version)) ? version : undefined;
}

function isEntry(entry: IndexEntry, { service, digest }: PublishRequest, version: string): boolean {
  return entry.service === service && entry.version === version && entry.descriptor.digest === digest;
}

async function record(store: ImageStore, request: PublishRequest, nowMs: number): Promise<Published> {
  checkComplete(store, request.digest);
  const entries = await readIndex(store);
  const given = await readVersions(store);
  const version = chooseVersion({ ...request, given });
  const name = `${request.service}:${version}`;
  // First record the version forever, then make it visible.
  if (given[name] === undefined) await writeVersions(store, { ...given, [name]: request.digest });
  if (entries.some((entry) => isEntry(entry, request, version))) return { version, changed: false };
  await changeIndex(store, (all) => [...all, newDescriptor(store, request, version, nowMs)]);
  return { version, changed: true };
}

function newDescriptor(
  store: ImageStore,
  { service, digest }: PublishRequest,
  version: string,
  nowMs: number,
): Descriptor {
  return {
    mediaType: mediaTypes.manifest,
    digest,
    size: statSync(blobPath(store, digest)).size,
    annotations: {
      [annotations.refName]: `${service}:${version}`,
      [annotations.version]: version,
      [annotations.created]: new Date(nowMs).toISOString(),
    },
  };
}

function checkComplete(store: ImageStore, digest: string): void {
  const manifest = readManifest(store, digest);
  const lost = [manifest.config, ...manifest.layers].find((part) => !hasBlob(store, part.digest, part.size));
  if (!lost) return;
  throw new KilnError(
    "image_invalid",
    `A part of the image was removed while it was being built: ${lost.digest}`,
    {
      hint: "Build again.",
      retry: true,
    },
  );
}
