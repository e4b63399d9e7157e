import { loadSpecs } from "./load.ts";
import { validateDocument } from "./validate.ts";
import { parseYaml } from "./yaml/parse.ts";
import { readSpecText } from "./yaml/source.ts";

/** A service of a file without problems. */
export interface CheckedService {
  readonly service: string;
  /** Names of its environments. */
  readonly environments: readonly string[];
}

/** Checks every service of a file with each of its environments, and that the files that they name are there. Throws as `loadSpecs` does. */
export async function checkFile(file: string): Promise<readonly CheckedService[]> {
  await loadSpecs(file);
  const documents = parseYaml(await readSpecText(file)).documents.map(validateDocument);
  const services = documents.map(({ base, environments }) => ({
    service: base.document?.service ?? "",
    environments: [...environments.keys()],
  }));
  for (const { service, environments } of services)
    for (const environment of environments) await loadSpecs(file, { environment, only: service });
  return services;
}
