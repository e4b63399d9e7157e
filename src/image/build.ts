import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError, toKilnError } from "../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../lib/files/files.ts";
import { sha256 } from "../lib/files/sha256.ts";
import { sweepTemporary } from "../lib/files/temporary.ts";
import { type Checkout, readCheckout } from "../lib/process/git.ts";
import { ensureStateFolder, type StateFolder, stateError } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import { pacer } from "../lib/time/pace.ts";
import { type FindPlace, placed } from "./commands.ts";
import { unprivileged } from "./layers/accounts.ts";
import type { Inputs } from "./layers/assemble.ts";
import { type BuildEvent, type BuiltLayer, LayerReport } from "./layers/build-report.ts";
import { InputIndex } from "./layers/input-index.ts";
import type { LayerPlace } from "./layers/layers.ts";
import { statedFolders, statedLinks } from "./layers/stated.ts";
import type { LockedPackages, PackagesTree } from "./packages/contract.ts";
import { type LeftOut, readProjectFiles, type WalkOptions } from "./project/project-files.ts";
import { ProjectIgnore } from "./project/project-ignore.ts";
import { type LockedBases, lockedBases } from "./sources/locked-bases.ts";
import type { Base } from "./sources/source.ts";
import { sourceOf } from "./sources/sources.ts";
import { ensureStore, hasBlob, imageStore, readManifest } from "./store/image-store.ts";
import { annotations, hostArchitecture } from "./store/oci-types.ts";
import { publish } from "./store/publish.ts";
import { gitState } from "./store/version.ts";

/** Part of every build's cache key: raise it when the same inputs would give another image. */
const recipe = 4;

export interface BuildOptions {
  readonly state: StateFolder;
  /** Absolute path of the folder that contains `kiln.lock`; git reports about this folder. */
  readonly projectFolder: string;
  /** Absolute path of the project's `kiln.yaml`, which is not part of its image; absent: the file of that name. */
  readonly specFile?: string;
  readonly updateLock: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (event: BuildEvent) => void;
  /** The place of a key of the spec in the user's file, for errors; absent: unknown. */
  readonly findPlace?: FindPlace;
  /** The caller's environment: where the credentials of registries and proxies are; absent: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The digest where a channel is now; absent: channels cannot be looked up. */
  readonly channelDigest?: (service: string, name: string) => Promise<string>;
  /** Called with what an image was made from, before it gets its version; not for an image that was made before. */
  readonly made?: (image: MadeImage) => Promise<void>;
  /** Resolves packages; the default is the real one. */
  readonly packages?: PackagesTree;
}

/** What an image was made from. */
export interface MadeImage {
  /** Of the image's manifest. */
  readonly digest: string;
  readonly spec: ServiceSpec;
  readonly projectFolder: string;
  /** 64 hex digits over everything that determines the image, the content of the project's files included. */
  readonly inputs: string;
  /** Images of others that it is built on: as kiln.yaml or the Dockerfile names them, with the digest of each. */
  readonly bases: readonly LockedBase[];
  readonly packages: LockedPackages | undefined;
  /** What git says of the project folder; undefined where it says nothing. */
  readonly checkout: Checkout | undefined;
  /** Unix time in ms. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

export interface LockedBase {
  readonly name: string;
  readonly digest: string;
}

export interface BuildResult {
  /** Of the image's manifest. */
  readonly digest: string;
  /** Of its layers alone: the ChainID over their diff ids. */
  readonly contentDigest: string;
  readonly version: string;
  /** Of all layers, uncompressed. */
  readonly bytes: number;
  readonly layers: readonly BuiltLayer[];
  readonly ms: number;
  /** What git says of the project folder; undefined where it says nothing. */
  readonly checkout: Checkout | undefined;
  /** False when the image store already had this image under this version. */
  readonly changed: boolean;
}

/**
 * Builds the image of a service and gives it its version. The same inputs and lock give the same digest anywhere. Until
 * the last step nothing refers to the written files, so a build may be cancelled or killed at any point.
 *
 * Throws the errors of the spec's files, packages, user and commands, and `version_taken`, `disk_full`, `cancelled`.
 */
export async function buildImage(spec: ServiceSpec, options: BuildOptions): Promise<BuildResult> {
  try {
    return await build(spec, options);
  } catch (error) {
    if (options.signal.aborted) throw new KilnError("cancelled", "The build was cancelled.", { retry: true });
    throw toKilnError(stateError(options.state.home, error), options.state.home);
  }
}

async function build(spec: ServiceSpec, options: BuildOptions): Promise<BuildResult> {
  const { state, clock, signal } = options;
  const begunMs = clock.elapsed();
  ensureStateFolder(state);
  const store = imageStore(state);
  const place = { store, cache: state.cache, nowMs: clock.now(), pace: pacer(signal) };
  await ensureStore(store);
  sweepTemporary(store.temporary);
  const asked = readCheckout(options.projectFolder, signal);
  asked.catch(() => {}); // awaited below; a failure before that must not count as unhandled
  const report = new LayerReport(clock, options.progress);
  const inputs = await readInputs(spec, options, place, report);
  const key = buildKey(spec, inputs);
  const known = await knownImage(place, key);
  const { findPlace = async () => undefined } = options;
  const digest = known ?? (await makeImage(spec, inputs, place, report, key, findPlace));
  const checkout = await asked;
  if (known === undefined) {
    const { projectFolder } = options;
    const { bases, packages } = inputs;
    const [startedAtMs, finishedAtMs] = [place.nowMs, clock.now()];
    await options.made?.({
      ...{ digest, spec, projectFolder, inputs: key, bases, packages, checkout },
      ...{ startedAtMs, finishedAtMs },
    });
  }
  const git = checkout && gitState(checkout);
  const question = { service: spec.service, wanted: spec.image.version, git, digest };
  const published = await publish(store, question, clock.now(), signal);
  const manifest = readManifest(store, digest);
  return {
    digest,
    contentDigest: manifest.annotations?.[annotations.contentDigest] ?? "",
    ...published,
    checkout,
    bytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    layers: known === undefined ? report.layers : report.allCached(manifest),
    ms: clock.elapsed() - begunMs,
  };
}

async function readInputs(
  spec: ServiceSpec,
  options: BuildOptions,
  place: LayerPlace,
  report: LayerReport,
): Promise<Inputs & Pick<MadeImage, "bases">> {
  const { projectFolder, state } = options;
  const index = await InputIndex.open(
    join(state.cache, "inputs", `${sha256(projectFolder)}-${spec.service}.json`),
  );
  const ignore = await ProjectIgnore.open(projectFolder, {
    exclude: spec.image.exclude,
    specFile: options.specFile,
  });
  const walk = {
    projectFolder,
    stateFolder: state.home,
    ignore,
    index,
    nowMs: place.nowMs,
    pace: place.pace,
  };
  const pinned = new Map<string, string>();
  const [base, packages] = await Promise.all([
    report.prepare("base", () => openBase(spec, options, place, walk, pinned)),
    report.prepare("packages", () => lockPackages(spec, options)),
  ]);
  const { files, leftOut } = await report.prepare("files", () => readProjectFiles(spec.image.files, walk));
  await index.save();
  for (const text of leftOutWords(leftOut)) report.note(text);
  const bases = basesOf(spec, base, pinned);
  return {
    base,
    packages,
    bases,
    files: [...statedFolders(spec.image), ...files, ...statedLinks(spec.image)],
  };
}

/** What was pinned while the base was opened; an image that is named by its digest, or is a file, is pinned by that. */
function basesOf(
  { image: { from } }: ServiceSpec,
  base: Base,
  pinned: ReadonlyMap<string, string>,
): readonly LockedBase[] {
  if (pinned.size > 0) return [...pinned].map(([name, digest]) => ({ name, digest }));
  if (from.kind === "registry") return [{ name: from.reference, digest: base.identity }];
  return from.kind === "oci" ? [{ name: basename(from.path), digest: base.identity }] : [];
}

/** A fault is placed at `image.from`. Adds to `pinned` the references that were looked up in kiln.lock, with their digests. */
async function openBase(
  { image: { from, args = {}, network } }: ServiceSpec,
  options: BuildOptions,
  place: LayerPlace,
  walk: WalkOptions,
  pinned: Map<string, string>,
): Promise<Base> {
  const { clock, signal, env = {}, findPlace = async () => undefined } = options;
  const locked = lockedBases({
    lockFile: lockFileOf(options),
    updateLock: options.updateLock,
    writerLock: join(options.state.cache, "packages/lock-writer"),
    signal,
  });
  const bases: LockedBases = {
    ...locked,
    pin: async (reference, resolve) => {
      const digest = await locked.pin(reference, resolve);
      pinned.set(reference, digest);
      return digest;
    },
  };
  const progress = (text: string) => options.progress({ kind: "message", text });
  const note = (text: string) => options.progress({ kind: "note", text });
  const runsSteps = from.kind === "dockerfile" || from.kind === "packer";
  if (!runsSteps && Object.keys(args).length > 0)
    throw await placed(argsElsewhere(), ["image", "args"], findPlace);
  if (!runsSteps && network !== undefined)
    throw await placed(networkElsewhere(), ["image", "network"], findPlace);
  try {
    return await sourceOf(from).open(from, {
      place,
      index: walk.index,
      walk,
      bases,
      args,
      internet: network === "internet",
      channelDigest: options.channelDigest,
      env,
      clock,
      signal,
      progress,
      note,
    });
  } catch (error) {
    throw await placed(error, ["image", "from"], findPlace);
  }
}

function argsElsewhere(): KilnError {
  return new KilnError(
    "spec_invalid",
    "Only a Dockerfile and a Packer template have arguments; `image.from` names neither.",
    {
      hint: "Leave `image.args` out, or write `from: dockerfile:PATH` or `from: packer:PATH`. Environment variables of the image are `image.env`.",
    },
  );
}

function networkElsewhere(): KilnError {
  return new KilnError(
    "spec_invalid",
    "Only the steps of a Dockerfile and a Packer template use a network; `image.from` names neither.",
    {
      hint: "Leave `image.network` out. What servers may reach is `network`, outside `image`.",
    },
  );
}

function lockFileOf({ projectFolder }: BuildOptions): string {
  return join(projectFolder, "kiln.lock");
}

const mostNamed = 8;

/** What patterns left out, by the source of the pattern. */
function leftOutWords(leftOut: readonly LeftOut[]): string[] {
  return [...Map.groupBy(leftOut, ({ by }) => by)].map(([by, paths]) => {
    const named = paths.slice(0, mostNamed).map(({ path }) => path);
    const more = paths.length > mostNamed ? ` and ${paths.length - mostNamed} more` : "";
    const why = by === "kiln" ? '; `image.exclude: ["!NAME"]` keeps one' : `, as ${by} says`;
    return `left out: ${named.join(", ")}${more}${why}`;
  });
}

async function lockPackages(spec: ServiceSpec, options: BuildOptions): Promise<LockedPackages | undefined> {
  const { image, service } = spec;
  if (!("suite" in image.from)) {
    if (image.packages.length === 0) return undefined;
    throw new KilnError("spec_invalid", "Packages can only be added to a Debian base.", {
      hint: "Write `from: debian:bookworm`, or leave out `packages`.",
    });
  }
  const packagesTree = options.packages ?? (await import("./packages/packages.ts")).packagesTree;
  return packagesTree({
    suite: image.from.suite,
    packages: image.packages,
    sources: image.sources,
    engine: image.engine ?? "slim",
    skipScripts: image.skipScripts,
    architecture: hostArchitecture(),
    lockFile: lockFileOf(options),
    service,
    updateLock: options.updateLock,
    cacheFolder: join(options.state.cache, "packages"),
    signal: options.signal,
    progress: (text) => options.progress({ kind: "message", text }),
    note: (text) => options.progress({ kind: "note", text }),
  });
}

/**
 * Absolute paths of the project are not an input: the same files in another folder make the same image. The commands of
 * jobs are not part of the image, but are checked against it.
 */
function buildKey(
  { image, jobs, schedules = [], shape, secrets, files: delivered }: ServiceSpec,
  { base, bases, packages, files }: Inputs,
): string {
  const checked = [
    [...jobs, ...schedules].map(({ command }) => command[0]),
    shape.env.PATH,
    delivered.map(({ to }) => to),
    secrets,
    shape.writable,
  ];
  const contents = files.map(({ source, ...file }) => ({ ...file, sha256: source?.sha256 }));
  return sha256(
    JSON.stringify([
      recipe,
      hostArchitecture(),
      base.identity,
      bases.map(({ digest }) => digest),
      base.bases,
      packages?.inputDigest,
      image.users,
      image.env,
      image.labels,
      image.user ?? unprivileged,
      image.command,
      contents,
      checked,
    ]),
  );
}

/** The image that these inputs made before, if all of it still exists. */
async function knownImage(place: LayerPlace, key: string): Promise<string | undefined> {
  const digest = await readTextIfExists(join(place.cache, "builds", key));
  if (!digest) return undefined;
  try {
    return isComplete(place, digest) ? digest : undefined;
  } catch (error) {
    if (error instanceof KilnError) return undefined;
    throw error;
  }
}

function isComplete({ store, nowMs }: LayerPlace, digest: string): boolean {
  const manifest = readManifest(store, digest);
  return [manifest.config, ...manifest.layers].every((part) =>
    hasBlob(store, part.digest, part.size, { nowMs }),
  );
}

/** Loaded only when there is something to make: an unchanged build ends before. */
async function makeImage(
  spec: ServiceSpec,
  inputs: Inputs,
  place: LayerPlace,
  report: LayerReport,
  key: string,
  findPlace: FindPlace,
): Promise<string> {
  const { assembleImage } = await import("./layers/assemble.ts");
  const digest = await assembleImage(spec, inputs, place, report, findPlace);
  mkdirSync(join(place.cache, "builds"), { recursive: true, mode: 0o700 });
  await writeFileAtomic(join(place.cache, "builds", key), digest, { durable: false });
  return digest;
}
