/** The parts of the OCI image specification 1.1 that Kiln reads and writes. */

export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  /** A Sigstore bundle (sigstore/protobuf-specs, sigstore_bundle.proto) of version 0.3, as JSON. */
  bundle: "application/vnd.dev.sigstore.bundle.v0.3+json",
} as const;

/** descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** manifest.md. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  /** The manifest that this one refers to: a signature names the image that it signs. */
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** image-index.md. */
export interface Index {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** config.md, member `config`. */
export interface ProcessConfig {
  /** `uid:gid` in images of Kiln. */
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly WorkingDir?: string;
  /** `SIGTERM` or a number. */
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** config.md. */
export interface ImageConfig {
  readonly created?: string;
  readonly architecture: string;
  readonly os: string;
  readonly config?: ProcessConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  /** One entry per layer, bottom up. */
  readonly history?: readonly { readonly created: string; readonly created_by: string }[];
}

/** annotations.md; the ones that start with `kiln.` are Kiln's own, on manifests and their layers. */
export const annotations = {
  refName: "org.opencontainers.image.ref.name",
  version: "org.opencontainers.image.version",
  created: "org.opencontainers.image.created",
  contentDigest: "kiln.content.digest",
  layerName: "kiln.layer.name",
  /** Digests of the images that it was built on, the nearest first, separated by spaces. */
  bases: "kiln.bases",
  /** annotations.md; what other builders (buildah, BuildKit) state of the image that they built on. */
  baseDigest: "org.opencontainers.image.base.digest",
  /** Of what cosign 3 attaches: the type of the statement in the bundle. */
  predicateType: "dev.sigstore.bundle.predicateType",
  /** In the store's index: `kiln gc` and `kiln image rm` leave this version. */
  pinned: "kiln.pinned",
} as const;

/** What an image was built on, by its manifest: digests, the nearest first. Other builders than Kiln state one at most. */
export function basesOf({
  annotations: notes,
}: {
  readonly annotations?: Readonly<Record<string, string>> | null | undefined;
}): readonly string[] {
  const { [annotations.bases]: all = "", [annotations.baseDigest]: nearest = "" } = notes ?? {};
  const stated = [...all.split(" "), nearest].filter((one) => /^sha256:[0-9a-f]{64}$/.test(one));
  return [...new Set(stated)];
}

/** GOARCH of this machine, as `architecture` in config.md. */
export function hostArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
