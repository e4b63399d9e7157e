import { constants, type Stats } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import type { AcmeSpec, TlsSpec } from "../domain/spec/traffic-spec.ts";
import { isErrno } from "../lib/errors.ts";
import { isAtOrBelow } from "./paths.ts";
import { placedFiles } from "./rules/placed-rules.ts";
import type { Breach } from "./rules/rule.ts";
import type { SpecDocument } from "./schema/document.ts";

/** The targets of a document's paths on this machine. */
export interface ProjectFiles {
  /** Real path of each `image.files[].from`, in order; undefined for a path with a problem. */
  readonly sources: readonly (string | undefined)[];
  /** The same for `servers.files[].from`. */
  readonly configSources: readonly (string | undefined)[];
  /** Real path of a base on this machine. */
  readonly base: string | undefined;
  /** Absolute paths of `traffic.tls`. */
  readonly tls: TlsSpec | undefined;
  readonly breaches: readonly Breach[];
}

/** The sections of a document that name paths. */
export interface NamesFiles {
  readonly image: SpecDocument["image"];
  readonly servers?: SpecDocument["servers"] | undefined;
  readonly traffic?: SpecDocument["traffic"];
}

interface Found {
  readonly real: string;
  readonly isFolder: boolean;
  readonly bytes: number;
}

/**
 * Looks up the files that a document names. `image.files` and `servers.files` must be inside `project`, also through
 * symbolic links; an `oci:` base may be anywhere. The image builder checks symbolic links further down.
 */
export async function findProjectFiles(
  project: string,
  { image, servers, traffic }: NamesFiles,
): Promise<ProjectFiles> {
  const breaches: Breach[] = [];
  const root = await realpath(project);
  const found = await Promise.all(
    image.files.map(({ from }, index) =>
      catching(breaches, ["image", "files", index, "from"], () => findInside(root, from)),
    ),
  );
  const basePath = "path" in image.from ? image.from.path : undefined;
  const base =
    basePath !== undefined
      ? await catching(breaches, ["image", "from"], () => lookUp(root, basePath))
      : undefined;
  const targets = image.files.map((file, index) => ({
    index,
    to: file.to,
    isFolder: found[index]?.isFolder ?? true,
  }));
  breaches.push(...targetsTwice(targets), ...filesAsFolders(targets, servers));
  const configs = await Promise.all(
    (servers?.files ?? []).map(({ from }, index) =>
      catching(breaches, ["servers", "files", index, "from"], () => findConfigFile(root, from)),
    ),
  );
  breaches.push(...tooLarge(configs));
  return {
    sources: found.map((entry) => entry?.real),
    configSources: configs.map((entry) => entry?.real),
    base: base?.real,
    tls: tlsFiles(project, traffic),
    breaches,
  };
}

/**
 * Only made absolute: the controller, which may run as another user, checks whether they can be used, and symbolic
 * links in them change with every renewal.
 */
function tlsFiles(project: string, traffic: NamesFiles["traffic"]): TlsSpec | undefined {
  const { certificate, key, secret, acme } = traffic?.tls ?? {};
  if (secret !== undefined) return { secret };
  if (acme !== undefined) {
    const { authority, ...rest } = toAcme(acme);
    return { acme: { ...rest, ...(authority && { authority: resolve(project, authority) }) } };
  }
  if (certificate === undefined || key === undefined) return undefined; // a rule says so
  return { certificate: resolve(project, certificate), key: resolve(project, key) };
}

type WrittenAcme = NonNullable<NonNullable<NonNullable<NamesFiles["traffic"]>["tls"]>["acme"]>;

/** Without what is usual. */
export function toAcme({ challenge, ...rest }: WrittenAcme): AcmeSpec {
  return challenge === "dns-01" ? { ...rest, challenge } : rest;
}

async function findConfigFile(root: string, from: string): Promise<Found | Omit<Breach, "path">> {
  const found = await findInside(root, from);
  if (!("real" in found) || !found.isFolder) return found;
  return {
    message: `${from} is a folder; expected a regular file.`,
    hint: "Name each file; whole folders belong in `image.files`.",
  };
}

/** The sum counts, because the files are sent and kept with the release. */
const mostConfigBytes = 1024 * 1024;

function* tooLarge(configs: readonly (Found | undefined)[]): Generator<Breach> {
  const bytes = configs.reduce((sum, file) => sum + (file?.bytes ?? 0), 0);
  if (bytes <= mostConfigBytes) return;
  yield {
    path: ["servers", "files"],
    message: `\`servers.files\` has ${bytes} bytes in total; expected at most ${mostConfigBytes}.`,
    hint: "Put large files into the image, with `image.files`.",
  };
}

async function catching(
  breaches: Breach[],
  path: Breach["path"],
  find: () => Promise<Found | Omit<Breach, "path">>,
): Promise<Found | undefined> {
  const result = await find();
  if ("real" in result) return result;
  breaches.push({ path, ...result });
  return undefined;
}

async function findInside(root: string, from: string): Promise<Found | Omit<Breach, "path">> {
  const remedy = "Copy the file into the project, next to kiln.yaml.";
  if (isAbsolute(from) || climbs(relative(root, resolve(root, from)))) {
    return {
      message: `${from} leads out of the project; expected a path inside the folder of kiln.yaml.`,
      hint: remedy,
    };
  }
  const found = await lookUp(root, from);
  if ("real" in found && !isAtOrBelow(found.real, root)) {
    return {
      message: `${from} is a symbolic link that leads out of the project, to ${found.real}.`,
      hint: remedy,
    };
  }
  return found;
}

function climbs(path: string): boolean {
  return path === ".." || path.startsWith("../");
}

async function lookUp(root: string, path: string): Promise<Found | Omit<Breach, "path">> {
  try {
    const real = await realpath(resolve(root, path));
    const stats = await stat(real);
    const isFolder = stats.isDirectory();
    if (!isFolder && !stats.isFile()) {
      return { message: `${path} is ${kindOf(stats)}; expected a regular file or a folder.` };
    }
    await access(real, isFolder ? constants.R_OK | constants.X_OK : constants.R_OK);
    return { real, isFolder, bytes: stats.size };
  } catch (error) {
    return wrongWith(path, error);
  }
}

function wrongWith(path: string, error: unknown): Omit<Breach, "path"> {
  if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) {
    return {
      message: `${path} does not exist; expected a file or a folder.`,
      hint: "Paths are relative to the folder of kiln.yaml.",
    };
  }
  if (isErrno(error, "EACCES")) {
    return {
      message: `${path} cannot be read: permission denied.`,
      hint: "Make the file readable for this user.",
    };
  }
  if (isErrno(error, "ELOOP")) return { message: `${path} is a symbolic link that leads back to itself.` };
  if (isErrno(error, "ENAMETOOLONG")) return { message: "The path is longer than the system allows." };
  throw error;
}

function kindOf(stats: Stats): string {
  if (stats.isSocket()) return "a socket";
  return stats.isFIFO() ? "a named pipe" : "a device";
}

/** Folders with one target merge, as copies into one folder do. A file needs its own target, and the root is a folder. */
function* targetsTwice(
  targets: readonly { readonly index: number; readonly to: string; readonly isFolder: boolean }[],
): Generator<Breach> {
  const seen = new Map<string, (typeof targets)[number]>();
  for (const target of targets) {
    const { index, to, isFolder } = target;
    const path = ["image", "files", index, "to"];
    const before = seen.get(to);
    if (before === undefined) seen.set(to, target);
    if (to === "/" && !isFolder) {
      yield { path, message: "/ is a folder; expected the path of a file, such as /srv/file." };
    } else if (before !== undefined && !(isFolder && before.isFolder)) {
      const message = `${to} is already the target of \`image.files[${before.index}]\`; expected a different target for each file.`;
      yield { path, message };
    }
  }
}

/** A path cannot be a file and a folder at once. */
function* filesAsFolders(
  targets: readonly { readonly index: number; readonly to: string; readonly isFolder: boolean }[],
  servers: NamesFiles["servers"],
): Generator<Breach> {
  const below = [
    ...targets.map(({ to, index }) => ({ at: to, path: ["image", "files", index, "to"] })),
    ...(servers?.writable ?? []).map((at, index) => ({ at, path: ["servers", "writable", index] })),
    ...placedFiles(servers),
  ];
  const files = new Map(
    targets
      .filter(({ isFolder }) => !isFolder)
      .toReversed()
      .map((target) => [target.to, target]),
  );
  for (const { at, path } of below) {
    const file = foldersAbove(at)
      .map((folder) => files.get(folder))
      .find((target) => target !== undefined);
    if (!file) continue;
    const message = `${at} needs ${file.to} to be a folder, but \`image.files[${file.index}]\` puts a file there.`;
    yield { path, message };
  }
}

function foldersAbove(path: string): readonly string[] {
  const names = path.split("/").slice(1, -1);
  return names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
}

/** The same paths without a check of the disk. */
export function assumeProjectFiles(project: string, { image, servers, traffic }: NamesFiles): ProjectFiles {
  return {
    configSources: (servers?.files ?? []).map(({ from }) => resolve(project, from)),
    sources: image.files.map(({ from }) => resolve(project, from)),
    base: "path" in image.from ? resolve(project, image.from.path) : undefined,
    tls: tlsFiles(project, traffic),
    breaches: [],
  };
}
