import { existsSync, rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { writeFileAtomic } from "../../lib/files/files.ts";
import { downloadBlob } from "../registry/download.ts";
import { referenceText } from "../registry/reference.ts";
import { manifestTypes, type Registry } from "../registry/registry.ts";
import { contentBytes } from "../store/content.ts";
import type { ForeignDescriptor } from "../store/oci-schema.ts";
import type { Content } from "../tar/entry.ts";
import type { ForeignBlobs } from "./foreign-blobs.ts";

export interface BlobsOptions {
  /** `StateFolder.cache`. */
  readonly cache: string;
  /** One sentence for people about the current step. */
  readonly progress: (text: string) => void;
}

/** What came from a registry, by digest. It may be deleted at any time. */
export class RegistryBlobs implements ForeignBlobs {
  readonly name: string;
  readonly choice: string;
  readonly areOurs = true;
  readonly #registry: Registry;
  readonly #options: BlobsOptions;

  constructor(registry: Registry, options: BlobsOptions) {
    const { reference } = registry;
    this.name = referenceText(reference);
    this.choice = `${reference.host}/${reference.repository}@DIGEST`;
    this.#registry = registry;
    this.#options = options;
  }

  /** The digest that a tag names now. */
  async resolve(tag: string): Promise<string> {
    this.#options.progress(`Looking up ${this.name}`);
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
    return join(this.#options.cache, folder, digest.slice("sha256:".length));
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
      this.#options.progress(`Fetching ${Math.ceil(wanted.size / 1e6)} MB of ${this.name}`);
      await downloadBlob(this.#registry, wanted, path);
    };
    await withFileLock(
      join(dirname(path), `lock-${wanted.digest.slice("sha256:".length, "sha256:".length + 1)}`),
      fetch,
      {
        signal: this.#registry.signal,
        timeoutMs: longestFetchMs,
      },
    );
    return path;
  }
}

function isConfig({ mediaType }: ForeignDescriptor): boolean {
  return /(image\.config|container\.image)\.v\d\+json$/.test(mediaType);
}

/** How long another build may take with a layer. */
const longestFetchMs = 3_600_000;

/** Manifests of 2015 to 2019 name their type; manifests of OCI since 1.1 should, and an index has `manifests`. */
function mediaTypeIn(bytes: Buffer): string {
  try {
    const { mediaType, manifests } = JSON.parse(bytes.toString()) as Record<string, unknown>;
    if (typeof mediaType === "string") return mediaType;
    return `application/vnd.oci.image.${manifests === undefined ? "manifest" : "index"}.v1+json`;
  } catch {
    return "application/vnd.oci.image.manifest.v1+json"; // what is wrong with it, its schema says
  }
}
