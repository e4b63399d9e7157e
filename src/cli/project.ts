import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type ServiceKey, serviceKey } from "../domain/ids.ts";
import type { ServiceSpec } from "../domain/spec/spec.ts";
import { isErrno, KilnError } from "../lib/errors.ts";

/** The options that select a service. */
export interface ServiceOptions {
  readonly file?: string;
  readonly env?: string;
}

/** One service of a project, ready to build. */
export interface Project {
  readonly spec: ServiceSpec;
  /** Absolute path of its `kiln.yaml`. */
  readonly file: string;
  /** The folder that contains it. */
  readonly folder: string;
}

/**
 * The validated spec of the requested service. Throws `spec_unreadable` without a file, `spec_invalid`, and `usage`
 * when the file describes several services and the command names none.
 */
export async function openProject(
  cwd: string,
  options: ServiceOptions,
  service: string | undefined,
): Promise<Project> {
  const file = await requireFile(cwd, options.file);
  const { loadSpecs } = await import("../spec/load.ts");
  const specs = await loadSpecs(file, {
    ...(options.env === undefined ? {} : { environment: options.env }),
    ...(service === undefined ? {} : { only: service }),
  });
  const names = specs.map((spec) => spec.service);
  const name = chooseOne(names, file);
  const spec = specs.find((s) => s.service === name);
  if (spec === undefined) throw unknownService(service ?? name, names, file);
  return { spec, file, folder: dirname(file) };
}

/**
 * The key of the requested service: the named one, else the only one in `kiln.yaml`. Only its name is read, so that a
 * rollback works while the file is being edited. Throws `usage` for an environment that the service's
 * file does not have, as far as the file can be read.
 */
export async function requireService(
  cwd: string,
  options: ServiceOptions,
  service: string | undefined,
): Promise<ServiceKey> {
  if (service !== undefined) {
    await checkEnvironmentOf(cwd, options, service);
    return keyOf(service, options.env);
  }
  const file = await requireFile(
    cwd,
    options.file,
    "Name the service, as `kiln status` lists it, or go to its folder.",
  );
  const name = chooseOne(await serviceNames(file), file);
  await checkEnvironment(file, name, options.env);
  return serviceKey(name, options.env);
}

/** Like `requireService`, but undefined (all services) without a name and a `kiln.yaml`. */
export async function findService(
  cwd: string,
  options: ServiceOptions,
  service: string | undefined,
): Promise<ServiceKey | undefined> {
  const named = service !== undefined || options.file !== undefined || options.env !== undefined;
  if (named) return requireService(cwd, options, service);
  const file = join(cwd, "kiln.yaml");
  if (!(await isFile(file))) return undefined;
  const names = await serviceNames(file);
  return names.length === 1 ? names[0] : undefined;
}

/** `shop` with `--env staging` is `shop.staging`; the key itself is accepted too. */
export function keyOf(service: string, env: string | undefined): ServiceKey {
  return env === undefined || service.endsWith(`.${env}`) ? service : serviceKey(service, env);
}

/** For a named service whose file is in the current folder. */
async function checkEnvironmentOf(
  cwd: string,
  { file, env }: ServiceOptions,
  service: string,
): Promise<void> {
  if (env === undefined) return;
  const path = resolve(cwd, file ?? "kiln.yaml");
  const name = service.replace(/\..*$/, "");
  if ((await isFile(path)) && (await serviceNames(path)).includes(name))
    await checkEnvironment(path, name, env);
}

/** A typing error must not become an environment: nothing else would report it. */
async function checkEnvironment(file: string, service: string, env: string | undefined): Promise<void> {
  if (env === undefined) return;
  const { loadSpecs } = await import("../spec/load.ts");
  try {
    await loadSpecs(file, { environment: env, only: service, files: false });
  } catch (error) {
    if (!(error instanceof KilnError) || error.code === "usage") throw error; // any other error: the file is being edited
  }
}

const initHint = "`kiln init` writes one for the current folder; `-f FILE` names another file.";

/** The absolute path of the file that a command is about. Throws `spec_unreadable`. */
export async function requireFile(cwd: string, file: string | undefined, hint = initHint): Promise<string> {
  const given = resolve(cwd, file ?? "kiln.yaml");
  const path = (await isFolder(given)) ? join(given, "kiln.yaml") : given;
  if (await isFile(path)) return path;
  throw new KilnError(
    "spec_unreadable",
    file === undefined ? `There is no kiln.yaml in ${cwd}.` : `The file ${path} does not exist.`,
    { hint },
  );
}

/** `service: NAME` in the first column can only be the top-level key: YAML indents whatever is inside of it. */
async function serviceNames(file: string): Promise<readonly string[]> {
  const { readSpecText } = await import("../spec/yaml/source.ts");
  const text = await readSpecText(file);
  const found = [...text.matchAll(/^service:[ \t]+["']?([a-z][a-z0-9-]*)["']?[ \t]*(?:#.*)?\r?$/gm)];
  const names = found.flatMap(([, name]) => name ?? []);
  if (names.length > 0) return names;
  const { loadSpecs } = await import("../spec/load.ts");
  return (await loadSpecs(file, {})).map((spec) => spec.service);
}

function chooseOne(names: readonly string[], file: string): string {
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0) return first;
  throw new KilnError("usage", `${file} describes several services: ${names.join(", ")}.`, {
    hint: `Name one of them: \`${first ?? "NAME"}\` as the last argument, or \`--service ${first ?? "NAME"}\` for rollback and scale.`,
  });
}

function unknownService(service: string, names: readonly string[], file: string): KilnError {
  return new KilnError("service_unknown", `${file} does not describe a service ${service}.`, {
    hint: `It describes: ${names.join(", ")}.`,
  });
}

async function isFile(path: string): Promise<boolean> {
  return (await statIfExists(path))?.isFile() ?? false;
}

async function isFolder(path: string): Promise<boolean> {
  return (await statIfExists(path))?.isDirectory() ?? false;
}

async function statIfExists(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw error;
  }
}
