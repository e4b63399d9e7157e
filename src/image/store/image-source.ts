import { existsSync, mkdirSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { ImageDigest } from "../../domain/ids.ts";
import { KilnError } from "../../lib/errors.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { markOf } from "../../lib/files/file-mark.ts";
import { sweepTemporary } from "../../lib/files/temporary.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { pacer } from "../../lib/time/pace.ts";
import { checkCommand } from "../command.ts";
import { type ErofsFile, layerFilePath, makeLayerFile, presentLayerFile } from "../erofs.ts";
import { argvOf, searchPathOf } from "../image-config.ts";
import { readAccounts, resolveIdentity, supplementaryGroups } from "../layers/accounts.ts";
import { layerTree } from "../layers/layers.ts";
import { mergeLayers } from "../layers/tree.ts";
import type { TarTree } from "../tar/entry.ts";
import { imageArchive } from "./image-archive.ts";
import {
  blobFileDigest,
  hasBlob,
  type ImageStore,
  imageStore,
  readConfig,
  readManifest,
} from "./image-store.ts";
import { workingFolder } from "./oci-schema.ts";
import type { Descriptor, ImageConfig, Manifest } from "./oci-types.ts";

/** An image as a host needs it: `HostImage` of the platform contract. */
interface OpenedImage extends ImageProcess {
  /** Bottom layer first. */
  readonly layers: readonly ErofsFile[];
}

/** An image as an engine needs it: `PackedImage` of the platform contract. */
interface PackedImage extends ImageProcess {
  readonly architecture: string;
  readonly config: string;
  archive(name: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

interface ImageProcess {
  readonly digest: ImageDigest;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly workingFolder: string;
  readonly stopSignal: string;
}

interface CallLimits {
  readonly signal: AbortSignal;
  /** Unix time in ms. */
  readonly deadline: number;
}

interface Remembered {
  readonly image: OpenedImage;
  readonly marks: readonly string[];
}

/**
 * The images of this installation for hosts: `ImageSource` and `ImagePacker` of the platform contract. Layers become erofs files once;
 * every `open` checks that they are unchanged, and makes damaged or missing files again.
 */
export function imageSource(state: StateFolder): {
  check(image: ImageDigest, call: CallLimits): Promise<void>;
  open(image: ImageDigest, call: CallLimits): Promise<OpenedImage>;
  pack(image: ImageDigest, call: CallLimits): Promise<PackedImage>;
  requireCommand(image: ImageDigest, command: readonly string[], call: CallLimits): Promise<void>;
} {
  const remembered = new Map<ImageDigest, Remembered>();
  return {
    check: (digest, call) => checkImage(state, digest, call),
    pack: (digest, call) => packImage(state, digest, call),
    requireCommand: (digest, command, call) => requireCommand(state, digest, command, call),
    async open(digest, call) {
      const known = remembered.get(digest);
      if (known && sameMarks(known)) return known.image;
      const image = await openImage(state, digest, call);
      remembered.set(digest, { image, marks: image.layers.map(({ file }) => markOfFile(file)) });
      return image;
    },
  };
}

function sameMarks({ image, marks }: Remembered): boolean {
  return image.layers.every(({ file }, i) => markOfFile(file) === marks[i]);
}

function markOfFile(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : markOf(stat);
}

/** The layers whose erofs file is missing or changed; each file is read in full. */
export async function damagedLayers(state: StateFolder, digest: ImageDigest): Promise<string[]> {
  const damaged: string[] = [];
  for (const { digest: layer } of readManifest(imageStore(state), digest).layers) {
    if (!(await presentLayerFile(layerFilePath(state.erofs, layer), { full: true }))) damaged.push(layer);
  }
  return damaged;
}

/** Reads everything that `openImage` needs; makes no file of a layer. */
async function checkImage(state: StateFolder, digest: ImageDigest, call: CallLimits): Promise<void> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  for (const layer of manifest.layers) {
    const made = existsSync(layerFilePath(state.erofs, layer.digest));
    if (!made && !hasBlob(store, layer.digest, layer.size)) throw damaged(layer);
  }
  await processOf(readConfig(store, manifest), manifest, new LayerTrees(state, store, call.signal));
}

async function openImage(state: StateFolder, digest: ImageDigest, call: CallLimits): Promise<OpenedImage> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  const config = readConfig(store, manifest);
  const trees = new LayerTrees(state, store, call.signal);
  const layers: ErofsFile[] = [];
  for (const layer of manifest.layers) layers.push(await ensureLayerFile(state, trees, layer, call));
  return { digest, layers, ...(await processOf(config, manifest, trees)) };
}

async function packImage(state: StateFolder, digest: ImageDigest, call: CallLimits): Promise<PackedImage> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  const config = readConfig(store, manifest);
  return {
    ...{ digest, config: manifest.config.digest, architecture: config.architecture },
    archive: (name, signal) => imageArchive(store, digest, name, signal),
    ...(await processOf(config, manifest, new LayerTrees(state, store, call.signal))),
  };
}

async function requireCommand(
  state: StateFolder,
  digest: ImageDigest,
  argv: readonly string[],
  call: CallLimits,
): Promise<void> {
  const store = imageStore(state);
  const manifest = readManifest(store, digest);
  const process = readConfig(store, manifest).config ?? {};
  const root = await rootOf(manifest, new LayerTrees(state, store, call.signal));
  const workingFolder = checkedFolder(process.WorkingDir || "/");
  checkCommand(root, {
    argv,
    searchPath: searchPathOf(process.Env ?? []),
    workingFolder,
    of: "",
    delivered: new Set(),
  });
}

async function rootOf({ layers }: Manifest, trees: LayerTrees): Promise<TarTree> {
  return mergeLayers(await Promise.all(layers.map((layer) => trees.of(layer))));
}

/** Reads the content of a layer at most once per call, and only on demand. */
class LayerTrees {
  readonly store: ImageStore;
  readonly #state: StateFolder;
  readonly #signal: AbortSignal;
  readonly #trees = new Map<string, Promise<TarTree>>();

  constructor(state: StateFolder, store: ImageStore, signal: AbortSignal) {
    this.store = store;
    this.#state = state;
    this.#signal = signal;
  }

  of(layer: Descriptor): Promise<TarTree> {
    const known = this.#trees.get(layer.digest);
    if (known) return known;
    const blob = { digest: layer.digest, bytes: layer.size };
    const tree = layerTree(this.store, this.#state.cache, blob, pacer(this.#signal));
    this.#trees.set(layer.digest, tree);
    return tree;
  }
}

async function ensureLayerFile(
  state: StateFolder,
  trees: LayerTrees,
  layer: Descriptor,
  call: CallLimits,
): Promise<ErofsFile> {
  const path = layerFilePath(state.erofs, layer.digest);
  const present = await presentLayerFile(path);
  if (present) return present;
  mkdirSync(state.erofs, { recursive: true, mode: 0o700 });
  const make = async () => {
    sweepTemporary(join(state.erofs, "temporary"));
    return (await presentLayerFile(path)) ?? (await makeChecked(path, trees, layer, call.signal));
  };
  return withFileLock(join(state.erofs, "lock"), make, { signal: call.signal, timeoutMs: 600_000 });
}

async function makeChecked(
  path: string,
  trees: LayerTrees,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<ErofsFile> {
  if ((await blobFileDigest(trees.store, layer.digest, signal)) !== layer.digest) {
    throw damaged(layer);
  }
  return makeLayerFile(path, await trees.of(layer), signal);
}

function damaged({ digest }: Descriptor): KilnError {
  return new KilnError("image_invalid", `The stored layer ${digest} is damaged or missing.`, {
    hint: "Remove the image and build it again.",
  });
}

async function processOf(config: ImageConfig, manifest: Manifest, trees: LayerTrees) {
  const process = config.config ?? {};
  const root = await rootOf(manifest, trees);
  const accounts = readAccounts(root);
  const identity = resolveIdentity(process.User || "0:0", accounts, "user");
  return {
    argv: argvOf(process),
    env: process.Env ?? [],
    ...identity,
    groups: supplementaryGroups(accounts, identity),
    workingFolder: checkedFolder(process.WorkingDir || "/"),
    stopSignal: signalName(process.StopSignal || "SIGTERM"),
  };
}

/** The image may come from elsewhere than a build. */
function checkedFolder(path: string): string {
  if (workingFolder.safeParse(path).success) return path;
  throw new KilnError(
    "image_invalid",
    `The image's WorkingDir is ${JSON.stringify(path)}; expected a folder of the image.`,
    {
      hint: "Build the image again with a plain absolute path.",
    },
  );
}

/** `SIGQUIT`, `QUIT` or `3` as `QUIT`. */
function signalName(text: string): string {
  const byNumber = Object.entries(constants.signals).find(([, number]) => `${number}` === text)?.[0];
  return (byNumber ?? text).replace(/^SIG/, "");
}
