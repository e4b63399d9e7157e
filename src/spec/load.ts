import { dirname } from "node:path";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { assumeProjectFiles, findProjectFiles, type ProjectFiles } from "./project-files.ts";
import { sameFrontends, sameServices } from "./rules/file-rules.ts";
import { invalidSpec, type SpecFinding } from "./rules/findings.ts";
import { scheduleFaults } from "./rules/schedule-faults.ts";
import type { SpecDocument } from "./schema/document.ts";
import { toServiceSpec } from "./service-spec.ts";
import { type ValidatedDocument, type Variant, validateDocument } from "./validate.ts";
import { parseYaml } from "./yaml/parse.ts";
import { readSpecText } from "./yaml/source.ts";
import { findSpot, type MapTree } from "./yaml/tree.ts";

export interface LoadOptions {
  /** Merge this environment over each service. */
  readonly environment?: string | undefined;
  /** Only this service. The whole file must still be valid. */
  readonly only?: string | undefined;
  /** False: do not check whether the named files exist; for commands that build nothing. */
  readonly files?: boolean | undefined;
}

/**
 * The services of a `kiln.yaml`, in its order. Relative paths start at the file's folder and are returned as absolute ones.
 * Throws `spec_unreadable`; `spec_invalid` with every problem of the file and its place; `usage` for an environment
 * or a service that the file does not have.
 */
export async function loadSpecs(file: string, options: LoadOptions = {}): Promise<ServiceSpec[]> {
  const text = await readSpecText(file);
  const parsed = parseYaml(text);
  const documents = parsed.documents.map(validateDocument);
  const findings = [
    ...parsed.findings,
    ...sameServices(parsed.documents),
    ...documents.flatMap((document) => document.findings),
    ...(await scheduleFindings(documents)),
  ];
  if (findings.length === 0) {
    const variants = choose(file, documents, options);
    findings.push(...sameFrontends(variants));
    const services = await lookUpFiles(file, variants, options, findings);
    if (findings.length === 0) return services;
  } else if (options.files ?? true) await lookUpMore(file, documents, options, findings);
  throw invalidSpec(file, text, findings);
}

interface ValidVariant extends Variant {
  readonly document: SpecDocument;
}

/** The requested services of a file without problems. */
function choose(file: string, documents: readonly ValidatedDocument[], options: LoadOptions): ValidVariant[] {
  const { only, environment } = options;
  const names = documents.map(({ base }) => base.document?.service ?? "");
  if (only !== undefined && !names.includes(only)) throw unknown("service", only, names, file);
  const chosen = documents.filter(({ base }) => only === undefined || base.document?.service === only);
  return chosen.map(({ base, environments }) => {
    const variant = environment === undefined ? base : environments.get(environment);
    if (variant?.document) return { ...variant, document: variant.document };
    const where = documents.length === 1 ? file : `the service \`${base.document?.service}\` of ${file}`;
    throw unknown("environment", environment ?? "", [...environments.keys()], where);
  });
}

function unknown(
  kind: "service" | "environment",
  name: string,
  known: readonly string[],
  where: string,
): KilnError {
  const meant = nearest(name, known);
  const list = known.length === 0 ? "There are none." : `It has: ${known.join(", ")}.`;
  return new KilnError("usage", `There is no ${kind} \`${name}\` in ${where}.`, {
    hint: meant === undefined ? list : `Did you mean \`${meant}\`?`,
  });
}

async function lookUpFiles(
  file: string,
  variants: readonly ValidVariant[],
  options: LoadOptions,
  findings: SpecFinding[],
): Promise<ServiceSpec[]> {
  const project = dirname(file);
  return Promise.all(
    variants.map(async ({ tree, document, environment }) => {
      const look = options.files ?? true;
      const found = look ? await findProjectFiles(project, document) : assumeProjectFiles(project, document);
      findings.push(...placed(found.breaches, tree));
      return toServiceSpec(document, environment, found);
    }),
  );
}

/** Of every document alone and with each of its environments, like all that `validateDocument` finds. */
async function scheduleFindings(documents: readonly ValidatedDocument[]): Promise<readonly SpecFinding[]> {
  const variants = documents.flatMap(({ base, environments }) => [base, ...environments.values()]);
  const found = variants.map(async ({ sections, tree }) => placed(await scheduleFaults(sections), tree));
  return (await Promise.all(found)).flat();
}

/** For a file that is refused anyway: adds the problems of its paths, as far as they can be read. */
async function lookUpMore(
  file: string,
  documents: readonly ValidatedDocument[],
  { environment }: LoadOptions,
  findings: SpecFinding[],
): Promise<void> {
  for (const { base, environments } of documents) {
    const { sections, tree } = environments.get(environment ?? "") ?? base;
    if (!sections.image) continue;
    const { breaches } = await findProjectFiles(dirname(file), {
      image: sections.image,
      servers: sections.servers,
    });
    findings.push(...placed(breaches, tree));
  }
}

function placed(breaches: ProjectFiles["breaches"], tree: MapTree): SpecFinding[] {
  return breaches.map(({ path, message, hint }) => ({ offset: findSpot(tree, path).offset, message, hint }));
}
