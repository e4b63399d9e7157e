import { join } from "node:path";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { inParallel } from "../../lib/in-parallel.ts";
import type { LockedPackage } from "../lock-file.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { findSources, openApt } from "./archive/apt.ts";
import { parseStanzas, relationNames } from "./archive/control.ts";
import { readControl } from "./archive/control-archive.ts";
import { type FetchRequest, fetchPackages } from "./archive/fetch.ts";
import { resolvePackages } from "./archive/resolve.ts";
import { type Unpacked, unpack } from "./archive/unpack.ts";
import { tryScripts } from "./assemble.ts";
import { currentPath, slimTree } from "./layout.ts";
import { planScripts } from "./maintainer/script-plan.ts";
import { basePackages } from "./setup/assumed.ts";

/** What a build of these packages with the engine `slim` would need and meet. */
export interface PackagesCheck {
  readonly packages: number;
  /** Of all packages, as they are downloaded. */
  readonly bytes: number;
  /** By package: the first command of its scripts that is not understood. Empty: they can be built. */
  readonly unclear: ReadonlyMap<string, string>;
}

interface Candidate extends Unpacked {
  readonly locked: LockedPackage;
  /** Whether its files are known, and not only their names. */
  readonly isWhole: boolean;
}

const resolveTimeoutMs = 300_000;
const atOnce = 6;

/**
 * Whether the engine `slim` can build these packages, from package lists and the packages' control archives. A package is downloaded only when
 * its scripts read files of it. Writes no lock. Throws `package_unknown`, `package_conflict`, `package_gone` and `apt_failed`.
 */
export async function checkPackages(names: readonly string[], request: FetchRequest): Promise<PackagesCheck> {
  const sources = await findSources(request.sources, request.suite, request.signal);
  const apt = await openApt(request.cacheFolder, request.architecture, sources, request.signal);
  const locked = await withFileLock(
    join(apt.folder, "lock"),
    () => resolvePackages(apt, names, "slim", request.progress),
    { signal: request.signal, timeoutMs: resolveTimeoutMs },
  );
  request.progress(`Reading the scripts of ${locked.length} packages`);
  // the base has the folders and links that each script finds, which the lists of files do not name
  const candidates = await inParallel(locked, atOnce, (one) =>
    basePackages.includes(one.name) ? whole(one, request) : byName(one, request),
  );
  const unclear = await settle(candidates, request);
  return { packages: locked.length, bytes: locked.reduce((sum, one) => sum + one.size, 0), unclear };
}

/** Reads more packages whole, until only scripts are left that are unclear with all their files. */
async function settle(
  candidates: readonly Candidate[],
  request: FetchRequest,
): Promise<ReadonlyMap<string, string>> {
  const tree = new Map<string, TarEntry>(candidates.flatMap((one) => [...one.tree]));
  const { unclear, unread } = tryScripts(tree, planScripts(candidates, []));
  const readers = candidates.filter(({ name }) => unclear.has(name));
  // what a script misses may be a link or a folder of a package that its own one needs
  const needed = new Set(
    readers.flatMap(({ control }) =>
      ["pre-depends", "depends"].flatMap((field) => relationNames(control.get(field))),
    ),
  );
  const wanted = candidates.filter(
    (one) =>
      !one.isWhole &&
      (unclear.has(one.name) ||
        [...unread].some((path) => one.tree.has(path)) ||
        (needed.has(one.name) && readers.every(({ isWhole }) => isWhole))),
  );
  if (wanted.length === 0) return unclear;
  const read = await inParallel(
    candidates,
    atOnce,
    async (one): Promise<Candidate> => (wanted.includes(one) ? whole(one.locked, request) : one),
  );
  return settle(read, request);
}

async function whole(locked: LockedPackage, request: FetchRequest): Promise<Candidate> {
  await fetchPackages([locked], { ...request, progress: () => {} });
  const unpacked = await unpack(locked, request.cacheFolder, request.signal);
  return { ...unpacked, tree: slimTree(unpacked.tree), locked, isWhole: true };
}

/** With the files that `md5sums` and `conffiles` name (deb-md5sums(5), deb-conffiles(5)), without their content. */
async function byName(locked: LockedPackage, request: FetchRequest): Promise<Candidate> {
  const members = await readControl(locked, request);
  const control = parseStanzas(members.get("control") ?? "")[0] ?? new Map<string, string>();
  const lines = (name: string) => (members.get(name) ?? "").split("\n");
  const paths = [
    ...lines("md5sums").map((line) => line.slice(34)),
    ...lines("conffiles").map((line) =>
      line
        .replace(/^remove-on-upgrade /, "")
        .slice(1)
        .trim(),
    ),
  ];
  return { name: locked.name, control, members, tree: namedTree(paths), locked, isWhole: false };
}

function namedTree(paths: readonly string[]): TarTree {
  const entries = paths
    .filter((path) => path !== "")
    .map((path): TarEntry => {
      return { path, type: "file", mode: 0o755, uid: 0, gid: 0, mtime: 0 };
    });
  return new Map(
    entries.map((entry) => [currentPath(entry.path), { ...entry, path: currentPath(entry.path) }]),
  );
}
