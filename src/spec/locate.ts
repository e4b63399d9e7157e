import type { ServiceSpec } from "../domain/spec.ts";
import type { Place } from "../lib/errors.ts";
import { placeAt } from "./findings.ts";
import { parseYaml } from "./parse.ts";
import { readSpecText } from "./source.ts";
import { findSpot, type Path } from "./tree.ts";
import { validateDocument } from "./validate.ts";

/**
 * Where the value at `path` of a service stands in its `kiln.yaml`: in its environment where that says so. For what shows only
 * when more is known than the file. Undefined when the file has changed since and has no such service.
 */
export async function locate(
  file: string,
  { service, environment }: Pick<ServiceSpec, "service" | "environment">,
  path: Path,
): Promise<Place | undefined> {
  const text = await readSpecText(file);
  const documents = parseYaml(text).documents.map(validateDocument);
  const found = documents.find(({ base }) => base.sections.service === service);
  const variant = environment === undefined ? found?.base : found?.environments.get(environment);
  return variant && placeAt(file, text, findSpot(variant.tree, path).offset);
}
