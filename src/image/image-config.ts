import type { ImageSpec } from "../domain/spec/image-spec.ts";
import { digestOf } from "../lib/files/sha256.ts";
import { readAccounts, resolveIdentity, unprivileged } from "./layers/accounts.ts";
import { imageEpoch } from "./layers/files-layer.ts";
import type { Layer } from "./layers/layers.ts";
import {
  annotations,
  type Descriptor,
  hostArchitecture,
  type ImageConfig,
  type Manifest,
  mediaTypes,
  type ProcessConfig,
} from "./store/oci-types.ts";
import type { TarTree } from "./tar/entry.ts";

/** What a shell's own default would be, with the `sbin` folders in which Debian keeps its servers. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * How the image's process runs: the spec's settings merged over the base image's. Throws `user_missing`; `checkCommands`
 * checks whether the command can be run.
 */
export function processConfig(spec: ImageSpec, base: ProcessConfig, root: TarTree): ProcessConfig {
  const { uid, gid } = resolveIdentity(spec.user ?? (base.User || unprivileged), readAccounts(root), "user");
  const env = environmentOf(base.Env ?? [], spec.env);
  const workingFolder = base.WorkingDir || "/";
  const start = spec.command
    ? { Cmd: spec.command }
    : { ...(base.Entrypoint ? { Entrypoint: base.Entrypoint } : {}), ...(base.Cmd ? { Cmd: base.Cmd } : {}) };
  return {
    User: `${uid}:${gid}`,
    Env: env,
    ...start,
    WorkingDir: workingFolder,
    StopSignal: base.StopSignal || "SIGTERM",
    ...labelsOf({ ...base.Labels, ...spec.labels }),
  };
}

export function argvOf(config: ProcessConfig): readonly string[] {
  return [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
}

/** The variables of the base and the spec, with defaults for the search path and for UTF-8 as the text encoding. */
function environmentOf(base: readonly string[], own: Readonly<Record<string, string>>): readonly string[] {
  const pairs = new Map([...base.map(nameAndValue), ...Object.entries(own)]);
  const hasLocale = ["LANG", "LC_ALL", "LC_CTYPE"].some((name) => pairs.has(name));
  const defaults = [
    ...(pairs.has("PATH") ? [] : [`PATH=${defaultPath}`]),
    ...(hasLocale ? [] : ["LANG=C.UTF-8"]),
  ];
  return [...defaults, ...[...pairs].map(([name, value]) => `${name}=${value}`)];
}

function nameAndValue(pair: string): readonly [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

function labelsOf(labels: Readonly<Record<string, string>>): Pick<ProcessConfig, "Labels"> {
  return Object.keys(labels).length === 0 ? {} : { Labels: labels };
}

/** `PATH` among `NAME=value` pairs. */
export function searchPathOf(env: readonly string[]): string {
  return env.find((pair) => pair.startsWith("PATH="))?.slice("PATH=".length) ?? defaultPath;
}

/**
 * It contains nothing of the machine, the user or the day. The history names each layer: Buildah adds nothing to an image
 * whose history it can't match with its layers.
 */
export function imageConfig(process: ProcessConfig, layers: readonly Layer[]): ImageConfig {
  const created = new Date(imageEpoch * 1000).toISOString();
  return {
    created,
    architecture: hostArchitecture(),
    os: "linux",
    config: process,
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(({ name }) => ({ created, created_by: `kiln: ${name}` })),
  };
}

/** `bases` are digests of images. */
export function imageManifest(
  config: Descriptor,
  layers: readonly Layer[],
  bases: readonly string[],
): Manifest {
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config,
    layers: layers.map(({ digest, bytes, name }) => ({
      mediaType: mediaTypes.layer,
      digest,
      size: bytes,
      annotations: { [annotations.layerName]: name },
    })),
    annotations: {
      [annotations.contentDigest]: chainId(layers.map(({ digest }) => digest)),
      ...(bases.length === 0 ? {} : { [annotations.bases]: bases.join(" ") }),
    },
  };
}

/** The ChainID of the OCI image specification (config.md, "Layer ChainID"); of no layers, the digest of nothing. */
function chainId(diffIds: readonly string[]): string {
  const [first, ...rest] = diffIds;
  return rest.reduce((chain, diffId) => digestOf(`${chain} ${diffId}`), first ?? digestOf(""));
}
