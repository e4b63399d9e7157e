import { basename, join } from "node:path";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError } from "../lib/errors.ts";
import { sha256 } from "../lib/files/sha256.ts";
import type { BuildOptions, LockedBase, MadeImage } from "./build-options.ts";
import { placed } from "./commands.ts";
import type { Inputs } from "./layers/assemble.ts";
import type { LayerReport } from "./layers/build-report.ts";
import { InputIndex } from "./layers/input-index.ts";
import type { LayerPlace } from "./layers/layers.ts";
import { statedFolders, statedLinks } from "./layers/stated.ts";
import type { LockedPackages } from "./packages/contract.ts";
import { type LeftOut, readProjectFiles, type WalkOptions } from "./project/project-files.ts";
import { ProjectIgnore } from "./project/project-ignore.ts";
import { type LockedBases, lockedBases } from "./sources/locked-bases.ts";
import type { Base } from "./sources/source.ts";
import { sourceOf } from "./sources/sources.ts";
import { hostArchitecture } from "./store/oci-types.ts";

/** Everything that determines the image, in addition to the spec: its base, its packages with their lock, and the project's files. */
export async function readInputs(
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
  if (!sourceOf(from).runsSteps && Object.keys(args).length > 0)
    throw await placed(argsElsewhere(), ["image", "args"], findPlace);
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

function argsElsewhere(): KilnError {
  return new KilnError(
    "spec_invalid",
    "Only a Dockerfile and a Packer template have arguments; `image.from` names neither.",
    {
      hint: "Leave `image.args` out, or write `from: dockerfile:PATH` or `from: packer:PATH`. Environment variables of the image are `image.env`.",
    },
  );
}
