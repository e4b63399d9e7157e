import { existsSync, rmSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { ImageBase } from "../../domain/spec/image-spec.ts";
import { KilnError } from "../../lib/errors.ts";
import { readInside } from "../../lib/files/read-inside.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import { temporaryPath } from "../../lib/files/temporary.ts";
import { nearest } from "../../lib/nearest.ts";
import { exec } from "../../lib/process/exec.ts";
import { type ProjectFile, readProjectFiles } from "../project/project-files.ts";
import { parseReference } from "../registry/reference.ts";
import { Registry } from "../registry/registry.ts";
import { blobSize } from "../store/image-store.ts";
import { type ForeignDescriptor, foreignManifest } from "../store/oci-schema.ts";
import { basesOf, hostArchitecture } from "../store/oci-types.ts";
import { apartFolder, runApart } from "./apart.ts";
import { chooseForThisMachine } from "./choose.ts";
import { dockerfileSmells } from "./dockerfile-smells.ts";
import { type StageImage, stageImages } from "./dockerfile-stages.ts";
import { parsed } from "./foreign-blobs.ts";
import { openOciLayout } from "./oci-layout.ts";
import { RegistryBlobs } from "./registry-blobs.ts";
import type { Base, OpenCall } from "./source.ts";

type DockerfileBase = Extract<ImageBase, { kind: "dockerfile" }>;

/** Part of every build's key: raise it when the same inputs would give another image. */
const recipe = 3;
const largestDockerfile = 1 << 20;
const longestBuildMs = 3_600_000;

/**
 * What a Dockerfile builds, as a base. buildah runs it, in namespaces of its own, without a network and as no user of the machine, with the files of
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
  for (const { line, problem } of dockerfileSmells(text)) call.note(`${name}:${line}: ${problem}`);
  const { files } = await readProjectFiles([wholeProject(call)], call.walk);
  const pinned = await pinAll(images, call);
  const engine = await buildahVersion(call);
  const entries = files.map(({ source, ...file }) => ({ ...file, sha256: source?.sha256 }));
  const key = sha256(
    JSON.stringify([recipe, engine, hostArchitecture(), text, base.stage, call.args, pinned, entries]),
  );
  const result = join(call.place.cache, "dockerfile", key);
  const open = async () => {
    const made = await openOciLayout({ kind: "oci", path: result, ref: undefined }, call, (used) =>
      drop(result, used),
    );
    return { ...made, bases: [...new Set([...(await basesFrom(result)), ...(made.bases ?? [])])] };
  };
  if (existsSync(result)) {
    const known = await open();
    if (await isWhole(known, result, call)) return known;
    rmSync(result, { recursive: true });
  }
  await build({ base, text, images, pinned, files, result }, call);
  return open();
}

async function readDockerfile(path: string, { walk }: OpenCall): Promise<string> {
  const bytes = await readInside(walk.projectFolder, path, largestDockerfile);
  if (bytes.length <= largestDockerfile) return bytes.toString();
  throw invalid(path, [{ line: 1, problem: "it is larger than 1 MiB" }]);
}

function wholeProject({ walk }: OpenCall) {
  return { from: walk.projectFolder, to: "/context", mode: undefined, owner: undefined };
}

/** The digest of each image, in the order of the Dockerfile. */
async function pinAll(images: readonly StageImage[], call: OpenCall): Promise<readonly string[]> {
  const digests: string[] = [];
  for (const { reference } of images) {
    const { named, blobs } = blobsOf(reference, call);
    digests.push(
      named.digest ?? (await call.bases.pin(reference, () => blobs.resolve(named.tag ?? "latest"))),
    );
  }
  return digests;
}

function blobsOf(text: string, call: OpenCall) {
  const named = parseReference(text);
  if (named === undefined) throw new KilnError("spec_invalid", `${text} does not name an image.`);
  const registry = new Registry(named, call);
  return { named, blobs: new RegistryBlobs(registry, { cache: call.place.cache, progress: call.progress }) };
}

async function buildahVersion({ signal }: OpenCall): Promise<string> {
  try {
    return (await exec(["buildah", "--version"], { signal })).stdout.trim();
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "tool_missing") throw error;
    throw new KilnError("tool_missing", "buildah is not installed: it runs Dockerfiles.", {
      hint: "Install it: apt-get install buildah",
      permanent: true,
    });
  }
}

/** The image store has the layer from now on. */
function drop(result: string, { digest }: ForeignDescriptor): void {
  rmSync(join(result, "blobs/sha256", digest.slice("sha256:".length)), { force: true });
}

/** Layers that neither the result nor the image store has can only be built again. */
async function isWhole({ diffIds = [] }: Base, result: string, { place }: OpenCall): Promise<boolean> {
  return diffIds.every(
    (id) =>
      blobSize(place.store, id) !== undefined ||
      existsSync(join(result, "blobs/sha256", id.slice("sha256:".length))),
  );
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
    const layouts = work.images.map((_, i) => `base${i}`); // buildah makes a name of the path, which must be in lower case
    const bases: string[] = [];
    for (const [i, { reference }] of work.images.entries())
      bases.push(
        ...(await writeLayout(reference, work.pinned[i] ?? "", join(folder, layouts[i] ?? ""), call)),
      );
    const names = layouts.map((layout) => `oci:${layout}:base`);
    await writeFile(join(folder, "Dockerfile"), withNames(work.text, work.images, names));
    await writeFile(join(folder, "policy.json"), JSON.stringify(onlyLayouts(layouts)));
    call.progress(`Running ${relative(call.walk.projectFolder, work.base.path)} with buildah`);
    await runBuildah(work.base, folder, call);
    await writeFile(join(folder, "out", basesName), bases.join(" "));
    await mkdir(dirname(work.result), { recursive: true, mode: 0o700 });
    await rename(join(folder, "out"), work.result);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The last name first, so that the places of the others stay. */
export function withNames(text: string, images: readonly StageImage[], names: readonly string[]): string {
  return images.reduceRight((so, { start, end }, i) => so.slice(0, start) + names[i] + so.slice(end), text);
}

/**
 * No image but these, whatever buildah reads in the Dockerfile that Kiln has not seen there: containers-policy.json(5), the
 * scopes of `oci:`.
 */
function onlyLayouts(layouts: readonly string[]) {
  const accepted = layouts.map((layout) => [join(apartFolder, layout), [{ type: "insecureAcceptAnything" }]]);
  return { default: [{ type: "reject" }], transports: { oci: Object.fromEntries(accepted) } };
}

/** Exactly what the key is of; the modes are an image's, whatever the builder's umask is. */
async function writeContext(files: readonly ProjectFile[], context: string): Promise<void> {
  await mkdir(context);
  for (const { to, type, source, link: target } of files) {
    const path = join(context, relative("context", to));
    if (type === "folder") await mkdir(path, { recursive: true });
    else await mkdir(dirname(path), { recursive: true });
    if (type === "symlink") await symlink(target ?? "", path);
    if (type === "file" && source) await copyFile(source.path, path);
  }
  await setModes(files, context);
}

async function setModes(files: readonly ProjectFile[], context: string): Promise<void> {
  for (const { to, type, mode } of files) {
    if (type !== "symlink") await chmod(join(context, relative("context", to)), mode);
  }
}

/** Next to a result: what its stages were built on. buildah tells only of the last stage. */
const basesName = "kiln-bases";

async function basesFrom(result: string): Promise<readonly string[]> {
  return (await readFile(join(result, basesName), "utf8")).split(" ").filter((one) => one !== "");
}

/**
 * The pinned image of a registry as a layout that buildah reads. Resolves to what is built on it: the digest that is pinned, the one
 * for this machine where that names an index, and what it was built on itself.
 */
async function writeLayout(
  reference: string,
  digest: string,
  folder: string,
  call: OpenCall,
): Promise<readonly string[]> {
  const { blobs } = blobsOf(reference, call);
  const chosen = await chooseForThisMachine(blobs, [await blobs.root(digest)]);
  const { config, layers, annotations: notes } = await parsed(foreignManifest, blobs, chosen);
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  for (const part of new Map([chosen, config, ...layers].map((one) => [one.digest, one])).values()) {
    const content = await blobs.open(part);
    if (content.kind === "slice")
      await copyFile(content.path, join(folder, "blobs/sha256", part.digest.slice("sha256:".length)));
  }
  const { mediaType, size } = chosen;
  const annotations = { "org.opencontainers.image.ref.name": "base" };
  const index = { schemaVersion: 2, manifests: [{ mediaType, digest: chosen.digest, size, annotations }] };
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  return [digest, chosen.digest, ...basesOf({ annotations: notes })];
}

async function runBuildah(
  { path, stage }: DockerfileBase,
  folder: string,
  { signal, args }: OpenCall,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new KilnError("not_root", "A Dockerfile is built as root.", {
      hint: "Repeat the command with sudo.",
    });
  }
  const inside = (name: string) => join(apartFolder, name);
  const store = ["--storage-driver", "vfs", "--root", inside("root"), "--runroot", inside("run")];
  const same = ["--timestamp", "0", "--identity-label=false", "--no-hosts", "--format", "oci"];
  const pinned = ["--pull=never", "--signature-policy", inside("policy.json")];
  const closed = ["--isolation", "oci", "--network", "none", ...pinned];
  const what = [
    ...(stage === undefined ? [] : ["--target", stage]),
    ...Object.entries(args).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...["-f", inside("Dockerfile"), "-t", `oci:${inside("out")}:image`],
  ];
  try {
    const argv = ["buildah", ...store, "build", ...closed, ...same, ...what, inside("context")] as const;
    await runApart(folder, argv, { signal, timeoutMs: longestBuildMs });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code !== "command_failed") throw error;
    const words = error.message
      .replace(/^.*?exited with \d+:? ?/s, "")
      .replace(/^(Getting image|Copying|Writing manifest|Storing) .*\n/gm, "")
      .replaceAll(inside("Dockerfile"), path);
    throw new KilnError("dockerfile_failed", `${path} cannot be built: ${words}`, {
      hint: "Steps have no network: bring what they need as files, or build on an image that has it.",
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
