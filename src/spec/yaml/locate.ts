import type { ServiceSpec } from "../../domain/spec/spec.ts";
import type { Place } from "../../lib/errors.ts";
import { placeAt } from "../rules/findings.ts";
import { validateDocument } from "../validate.ts";
import { parseYaml } from "./parse.ts";
import { readSpecText } from "./source.ts";
import { findSpot, type Path } from "./tree.ts";

/**
 * The place of the value at `path` in a service's `kiln.yaml`, in its environment if that sets the value. For problems
 * that only show after the file was read. Undefined when the file has changed since and no longer has the service.
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
