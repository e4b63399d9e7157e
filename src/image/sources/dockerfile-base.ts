import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import type { ImageBase } from "../../domain/spec/image-spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { readInside } from "../../lib/files/read-inside.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import { nearest } from "../../lib/nearest.ts";
import { apartFolder, runApart } from "../apart.ts";
import type { ProjectFile } from "../project/project-files.ts";
import { hostArchitecture } from "../store/oci-types.ts";
import { buildahStore, buildahVersion, noNetworkHint, pinAll, writeLayouts } from "./built/buildah.ts";
import { contextFiles, contextKey, writeContext } from "./built/context.ts";
import { contentOf, keepResult, openResult } from "./built/result.ts";
import { dockerfileSmells } from "./dockerfile-smells.ts";
import { type StageImage, stageImages } from "./dockerfile-stages.ts";
import type { Base, OpenCall } from "./source.ts";

type DockerfileBase = Extract<ImageBase, { kind: "dockerfile" }>;

/** Part of every build's key: raise it when the same inputs would give another image. */
const recipe = 5;
const largestDockerfile = 1 << 20;
const longestBuildMs = 3_600_000;

/**
 * What a Dockerfile builds, as a base. buildah runs it, in namespaces of its own, without a network unless `image.network` gives it one, and as no user of the machine, with the files of
 * the project that an image may have; each image that it builds on is pinned in kiln.lock. The Dockerfile is never changed.
 * Without a change of any of these nothing runs. Throws `dockerfile_invalid`, `dockerfile_failed`, `tool_missing`, and what
 * a registry and the files of a project throw.
 */
export async function openDockerfile(base: DockerfileBase, call: OpenCall): Promise<Base> {
  const text = await readDockerfile(base.path, call);
  const { images, unreadable, declared } = stageImages(text, call.args);
  if (unreadable.length > 0) throw invalid(base.path, unreadable);
  requireDeclared(base.path, declared, call.args);
  const name = relative(call.walk.projectFolder, base.path);
  for (const { line, problem } of dockerfileSmells(text, call.internet))
    call.note(`${name}:${line}: ${problem}`);
  const files = await contextFiles(call);
  const pinned = await pinAll(
    images.map(({ reference }) => reference),
    call,
  );
  const engine = await buildahVersion(call, "runs Dockerfiles");
  const inputs = [
    text,
    base.stage,
    call.args,
    pinned,
    contextKey(files),
    ...(call.internet ? ["internet"] : []),
  ];
  const key = sha256(JSON.stringify([recipe, engine, hostArchitecture(), ...inputs]));
  const result = join(call.place.cache, "dockerfile", key);
  const known = async () => openResult(result, call);
  const make = async () => {
    await build({ base, text, images, pinned, files, result }, call);
    const made = await openResult(result, call);
    if (made === undefined) throw new KilnError("internal", `${result} is gone.`);
    return made;
  };
  if (!call.internet) return (await known()) ?? make();
  return pinnedResult({ name: `dockerfile:${name}`, stage: base.stage, inputs, known, make }, call);
}

interface Reaching {
  readonly name: string;
  readonly stage: string | undefined;
  readonly inputs: readonly unknown[];
  readonly known: () => Promise<Base | undefined>;
  readonly make: () => Promise<Base>;
}

/** What steps fetch may be another thing tomorrow: kiln.lock pins the result to the inputs. */
async function pinnedResult({ name, stage, inputs, known, make }: Reaching, call: OpenCall): Promise<Base> {
  let made: Base | undefined;
  await call.bases.built({
    name: stage === undefined ? name : `${name}#${stage}`,
    inputs: sha256(JSON.stringify([hostArchitecture(), inputs])),
    known: async () => {
      made = await known();
      return made && contentOf(made);
    },
    build: async () => {
      made = await make();
      return contentOf(made);
    },
  });
  if (made === undefined) throw new KilnError("internal", `${name} has no result.`);
  return made;
}

async function readDockerfile(path: string, { walk }: OpenCall): Promise<string> {
  const bytes = await readInside(walk.projectFolder, path, largestDockerfile);
  if (bytes.length <= largestDockerfile) return bytes.toString();
  throw invalid(path, [{ line: 1, problem: "it is larger than 1 MiB" }]);
}

interface Work {
  readonly base: DockerfileBase;
  readonly text: string;
  readonly images: readonly StageImage[];
  readonly pinned: readonly string[];
  readonly files: readonly ProjectFile[];
  readonly result: string;
}

async function build(work: Work, call: OpenCall): Promise<void> {
  const folder = temporaryPath(call.place.store.temporary);
  await mkdir(folder, { mode: 0o700 });
  try {
    await writeContext(work.files, join(folder, "context"));
    const pinned = work.images.map(({ reference }, i) => ({ reference, digest: work.pinned[i] ?? "" }));
    const { names, bases } = await writeLayouts(pinned, folder, call);
    await writeFile(join(folder, "Dockerfile"), withNames(work.text, work.images, names));
    call.progress(`Running ${relative(call.walk.projectFolder, work.base.path)} with buildah`);
    await runBuildah(work.base, folder, call);
    await keepResult(join(folder, "out"), bases, work.result, call);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last name first, so that the places of the others stay. */
export function withNames(text: string, images: readonly StageImage[], names: readonly string[]): string {
  return images.reduceRight((so, { start, end }, i) => so.slice(0, start) + names[i] + so.slice(end), text);
}

async function runBuildah(
  { path, stage }: DockerfileBase,
  folder: string,
  { signal, args, internet }: OpenCall,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new KilnError("not_root", "A Dockerfile is built as root.", {
      hint: "Repeat the command with sudo.",
    });
  }
  const inside = (name: string) => join(apartFolder, name);
  const same = ["--timestamp", "0", "--identity-label=false", "--no-hosts", "--format", "oci"];
  const pinned = ["--pull=never", "--signature-policy", inside("policy.json")];
  const closed = ["--isolation", "oci", "--network", internet ? "host" : "none", ...pinned];
  const what = [
    ...(stage === undefined ? [] : ["--target", stage]),
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...["-f", inside("Dockerfile"), "-t", `oci:${inside("out")}:image`],
  ];
  try {
    const argv = [
      "buildah",
      ...buildahStore,
      "build",
      ...closed,
      ...same,
      ...what,
      inside("context"),
    ] as const;
    await runApart(folder, argv, { signal, internet, timeoutMs: longestBuildMs });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "command_failed") throw error;
    const words = error.message
      .replace(/^.*?exited with \d+:? ?/s, "")
      .replace(/^(Getting image|Copying|Writing manifest|Storing) .*\n/gm, "")
      .replaceAll(inside("Dockerfile"), path);
    throw new KilnError("dockerfile_failed", `${path} cannot be built: ${words}`, {
      ...(internet ? {} : { hint: noNetworkHint("Steps") }),
      cause: error,
    });
  }
}

/** buildah takes an argument that nothing declares with no more than a warning. */
function requireDeclared(path: string, declared: ReadonlySet<string>, args: OpenCall["args"]): void {
  for (const name of Object.keys(args)) {
    if (declared.has(name)) continue;
    const near = nearest(name, declared);
    throw new KilnError(
      "dockerfile_invalid",
      `No ARG of ${path} declares ${name}, which \`image.args\` gives.`,
      {
        hint:
          near === undefined
            ? `Write \`ARG ${name}\` in the stage that uses it, or leave it out of \`image.args\`.`
            : `Did you mean ${near}?`,
      },
    );
  }
}

function invalid(
  path: string,
  problems: readonly { readonly line: number; readonly problem: string }[],
): KilnError {
  const [first] = problems;
  return new KilnError("dockerfile_invalid", `${path}:${first?.line ?? 1}: ${first?.problem ?? ""}.`, {
    hint: "Images are named as `FROM registry.example/nginx:1.27`, `FROM nginx:1.27` (of docker.io), or by the name of a stage.",
    problems: problems.map(({ line, problem }) => ({
      place: { file: path, line, column: 1 },
      message: problem,
    })),
  });
}
