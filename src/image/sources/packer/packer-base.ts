import { mkdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import type { ImageBase } from "../../../domain/spec/image-spec.ts";
import { KilnError } from "../../../lib/errors.ts";
import { readTextIfExists, writeFileAtomic } from "../../../lib/files/files.ts";
import { sha256 } from "../../../lib/files/sha256.ts";
import { nearest } from "../../../lib/nearest.ts";
import { hostArchitecture } from "../../store/oci-types.ts";
import { useResult } from "../../store/unused-results.ts";
import { buildahVersion, pinAll } from "../built/buildah.ts";
import { contextFiles, contextKey } from "../built/context.ts";
import { contentOf, keepResult, openResult } from "../built/result.ts";
import { inRegistry } from "../dockerfile-stages.ts";
import type { Base, OpenCall } from "../source.ts";
import { type Brought, findPacker, packerFault, type Work, withPacker, writeResult } from "./run.ts";
import { chooseBuild, inspected } from "./template.ts";

type PackerBase = Extract<ImageBase, { kind: "packer" }>;

/** Part of every build's key: raise it when the same inputs would give another image. */
const recipe = 1;

/**
 * What a Packer template builds, as a base. Packer runs in namespaces of its own, without a network unless `image.network` gives it one, and as no user of the machine, with the
 * files of the project that an image may have and with a stand-in for docker; each image that it builds on is pinned in
 * kiln.lock, and so is the result. Without a change of any of these nothing runs. Throws `packer_invalid`, `packer_failed`, `tool_missing`,
 * `file_missing`, `lock_stale`, and what a registry and the files of a project throw.
 */
export async function openPacker(base: PackerBase, call: OpenCall): Promise<Base> {
  const template = relative(call.walk.projectFolder, base.path);
  const files = await contextFiles(call);
  const inContext = join("context", template);
  if (template !== "" && !files.some(({ to }) => to === inContext)) throw leftOut(template);
  const packer = await findPacker(call);
  const engines = [recipe, packer.version, await buildahVersion(call, "runs the provisioners of Packer")];
  const { args, internet } = call;
  const work = { packer, template: template || ".", files, args, internet };
  const inputs = [
    hostArchitecture(),
    template,
    base.build,
    args,
    contextKey(files),
    ...(internet ? ["internet"] : []),
  ];
  const needed = await askOnce(base, work, keyPath(call, "asked", [engines, inputs]), call);
  const references = needed.images.map((name) => ({ name, reference: referenceOf(name, template) }));
  const digests = await pinAll(
    references.map(({ reference }) => reference),
    call,
  );
  const images = references.map((one, i) => ({ ...one, digest: digests[i] ?? "" }));
  const result = keyPath(call, "results", [engines, inputs, digests]);
  let made: Base | undefined;
  await call.bases.built({
    name: `packer:${template}${base.build === undefined ? "" : `#${base.build}`}`,
    inputs: sha256(JSON.stringify([inputs, digests])),
    known: async () => {
      made = await openResult(result, call);
      return made && contentOf(made);
    },
    build: async () => {
      await build(work, needed.build, images, result, call);
      made = await openResult(result, call);
      if (made === undefined) throw new KilnError("internal", `${result} is gone.`);
      return contentOf(made);
    },
  });
  if (made === undefined) throw new KilnError("internal", `${result} is gone.`);
  return made;
}

function keyPath({ place }: OpenCall, what: string, key: readonly unknown[]): string {
  return join(place.cache, "packer", what, sha256(JSON.stringify(key)));
}

function leftOut(template: string): KilnError {
  return new KilnError("file_missing", `The template ${template} is not among the files that a build gets.`, {
    hint: `It has to be in the project's folder, and not left out by .dockerignore or \`image.exclude\`: "!${template}" there keeps it.`,
  });
}

const needs = z.strictObject({ build: z.string(), images: z.array(z.string()) });

/** What a template needs follows from the template, its variables and the files, so it is asked once. */
async function askOnce(base: PackerBase, work: Work, kept: string, call: OpenCall) {
  const known = (await useResult(kept)) ? await readTextIfExists(kept) : undefined;
  if (known !== undefined) return needs.parse(JSON.parse(known));
  const asked = await ask(base, work, call);
  await mkdir(dirname(kept), { recursive: true, mode: 0o700 });
  await writeFileAtomic(kept, JSON.stringify(asked), { durable: false });
  return asked;
}

/** Packer itself says what it builds and on which images: no one else knows the values of a template's expressions. */
async function ask(base: PackerBase, work: Work, call: OpenCall): Promise<z.infer<typeof needs>> {
  call.progress(`Reading ${work.template} with Packer`);
  return withPacker(work, [], call, async (run) => {
    const inspect = await run.packer("inspect", "-machine-readable");
    if (!inspect.ok) throw packerFault(work, plainOutput(inspect.output), "reading");
    const { builds, variables } = inspected(inspect.output);
    if (variables) requireDeclared(work, variables);
    const { name } = chooseBuild(work.template, builds, base.build);
    const trial = await run.packer("build", `-only=${name}`);
    const images = [...new Set(await run.lines("asked"))];
    if (images.length === 0) throw packerFault(work, trial.output, "reading");
    return { build: name, images };
  });
}

/** Of `-machine-readable`, what is for people. */
function plainOutput(output: string): string {
  return output
    .split("\n")
    .map((line) => line.replace(/^\d+,[^,]*,ui,\w+,/, "").replaceAll("\\n", "\n"))
    .join("\n")
    .replaceAll("%!(PACKER_COMMA)", ",");
}

/** Packer takes an argument for a JSON template that nothing declares. */
function requireDeclared({ template, args }: Work, declared: ReadonlySet<string>): void {
  for (const name of Object.keys(args)) {
    if (declared.has(name)) continue;
    const near = nearest(name, declared);
    throw new KilnError(
      "packer_invalid",
      `${template} has no variable ${name}, which \`image.args\` gives.`,
      {
        hint:
          near === undefined
            ? `Add it to \`variables\`, or leave it out of \`image.args\`.`
            : `Did you mean ${near}?`,
      },
    );
  }
}

function referenceOf(name: string, template: string): string {
  const reference = inRegistry(name);
  if (reference !== undefined) return reference;
  throw new KilnError("packer_invalid", `${template}: ${name} does not name an image in a registry.`, {
    hint: "Images are named as `registry.example/nginx:1.27`, or `nginx:1.27` (of docker.io).",
  });
}

async function build(
  work: Work,
  name: string,
  images: readonly Brought[],
  result: string,
  call: OpenCall,
): Promise<void> {
  await withPacker(work, images, call, async (run) => {
    call.progress(`Running ${work.template} with Packer`);
    const { ok, output } = await run.packer("build", `-only=${name}`);
    if (!ok) throw packerFault(work, output, "building");
    for (const note of await run.lines("notes")) call.note(note);
    await keepResult(await writeResult(run, call), run.bases, result, call);
  });
}
