import { existsSync, rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { writeFileAtomic } from "../../lib/files/files.ts";
import { downloadBlob } from "../registry/download.ts";
import { parseReference, type Reference, referenceText } from "../registry/reference.ts";
import { manifestTypes, Registry } from "../registry/registry.ts";
import { contentBytes } from "../store/content.ts";
import type { ForeignDescriptor } from "../store/oci-schema.ts";
import type { Content } from "../tar/entry.ts";
import { chooseForThisMachine } from "./choose.ts";
import { foreignBase } from "./foreign-base.ts";
import type { ForeignBlobs } from "./foreign-blobs.ts";
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
  const cache = new Cache(registry, reference, call);
  const digest =
    reference.digest ?? (await call.bases.pin(text, () => cache.resolve(reference.tag ?? "latest")));
  return foreignBase(cache, await chooseForThisMachine(cache, [await cache.root(digest)]));
}

/** What came from a registry, by digest. It may be deleted at any time. */
class Cache implements ForeignBlobs {
  readonly name: string;
  readonly choice: string;
  readonly #registry: Registry;
  readonly #call: OpenCall;

  constructor(registry: Registry, reference: Reference, call: OpenCall) {
    this.name = referenceText(reference);
    this.choice = `${reference.host}/${reference.repository}@DIGEST`;
    this.#registry = registry;
    this.#call = call;
  }

  /** The digest that a tag names now. */
  async resolve(tag: string): Promise<string> {
    this.#call.progress(`Looking up ${this.name}`);
    const { bytes, digest } = await this.#registry.manifest(tag);
    await this.#keep(digest, bytes);
    return digest;
  }

  /** The pinned manifest or index itself; its own words say which of both. */
  async root(digest: string): Promise<ForeignDescriptor> {
    const path = await this.#manifest(digest);
    const { size } = statSync(path);
    const mediaType = mediaTypeIn(contentBytes({ kind: "slice", path, offset: 0, length: size }, size));
    return { mediaType, digest, size, annotations: undefined, platform: undefined };
  }

  async open(wanted: ForeignDescriptor): Promise<Content> {
    const { digest, size } = wanted;
    const path = manifestTypes.includes(wanted.mediaType)
      ? await this.#manifest(digest)
      : await this.#blob(wanted, isConfig(wanted) ? "bases" : "registry");
    if (statSync(path).size === size) return { kind: "slice", path, offset: 0, length: size };
    rmSync(path, { force: true });
    throw this.#registry.wrongBytes(digest);
  }

  /** The image store has the layer's content from now on, or the bytes are of no use. */
  done({ digest }: ForeignDescriptor): void {
    rmSync(this.#path(digest), { force: true });
  }

  /** `bases` has small files that later builds read; `registry` has layers on their way to the image store. */
  #path(digest: string, folder: "bases" | "registry" = "registry"): string {
    return join(this.#call.place.cache, folder, digest.slice("sha256:".length));
  }

  async #manifest(digest: string): Promise<string> {
    const path = this.#path(digest, "bases");
    if (!existsSync(path)) await this.#keep(digest, (await this.#registry.manifest(digest)).bytes);
    return path;
  }

  async #keep(digest: string, bytes: Buffer): Promise<void> {
    const path = this.#path(digest, "bases");
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, bytes, { durable: false });
  }

  /** Two builds do not fetch the same layer twice. */
  async #blob(wanted: ForeignDescriptor, folder: "bases" | "registry"): Promise<string> {
    const path = this.#path(wanted.digest, folder);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const fetch = async () => {
      if (existsSync(path)) return;
      this.#call.progress(`Fetching ${Math.ceil(wanted.size / 1e6)} MB of ${this.name}`);
      await downloadBlob(this.#registry, wanted, path);
    };
    await withFileLock(join(dirname(path), "lock"), fetch, {
      signal: this.#call.signal,
      timeoutMs: longestFetchMs,
    });
    return path;
  }
}

function isConfig({ mediaType }: ForeignDescriptor): boolean {
  return /(image\.config|container\.image)\.v\d\+json$/.test(mediaType);
}

/** How long another build may take with a layer. */
const longestFetchMs = 3_600_000;

/** Manifests of 2015 to 2019 name their type; those of OCI since 1.1 should, and an index has `manifests`. */
function mediaTypeIn(bytes: Buffer): string {
  try {
    const { mediaType, manifests } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (typeof mediaType === "string") return mediaType;
    return `application/vnd.oci.image.${manifests === undefined ? "manifest" : "index"}.v1+json`;
  } catch {
    return "application/vnd.oci.image.manifest.v1+json"; // what is wrong with it, its schema says
  }
}
