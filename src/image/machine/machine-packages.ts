import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withFileLock } from "../../lib/files/file-lock.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import { type LockedPackage, type LockSection, readLockSection, writeLockSection } from "../lock-file.ts";
import type { TarTree } from "../tar/entry.ts";

/** Debian's kernel for machines of clouds has what QEMU offers; bookworm's starts in less time than its successor's. */
const suite = "bookworm";
const architecture = "amd64";
const lockTimeoutMs = 600_000;

/** Packages that machines are made from. */
export interface WantedPackages {
  /** Of `machine/kiln.lock` in the state folder. */
  readonly section: string;
  readonly requested: readonly string[];
  /** Names of those that are used: what else comes with them is neither locked nor fetched. */
  readonly needed: RegExp;
}

/** One process at a time makes parts of machines. */
export async function withMachineLock<T>(
  state: StateFolder,
  work: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await mkdir(state.machine, { recursive: true, mode: 0o700 });
  return withFileLock(join(state.machine, "lock"), work, { signal, timeoutMs: lockTimeoutMs });
}

/** The versions that `machine/kiln.lock` pins; when it says nothing of them yet, today's, which it pins from then on. */
export async function lockedPackages(
  state: StateFolder,
  { section, requested, needed }: WantedPackages,
  signal: AbortSignal,
): Promise<LockSection> {
  const lockFile = join(state.machine, "kiln.lock");
  const known = await readLockSection(lockFile, section);
  if (known !== undefined) return known;
  const [{ resolvePackages }, { findSources, openApt }] = await Promise.all([
    import("../packages/archive/resolve.ts"),
    import("../packages/archive/apt.ts"),
  ]);
  const sources = await findSources([], suite, signal);
  const apt = await openApt(cacheFolder(state), architecture, sources, signal);
  const all = await withFileLock(
    join(apt.folder, "lock"),
    () => resolvePackages(apt, requested, "slim", () => {}),
    {
      ...{ signal, timeoutMs: lockTimeoutMs },
    },
  );
  const packages = all.filter(({ name }) => needed.test(name));
  const made = { suite, architecture, requested: [...requested], packages };
  await writeLockSection(lockFile, section, made);
  return made;
}

/** The packages' files, by package. */
export async function packageTrees(
  state: StateFolder,
  { packages }: LockSection,
  signal: AbortSignal,
): Promise<ReadonlyMap<LockedPackage, TarTree>> {
  const [{ fetchPackages }, { unpack }] = await Promise.all([
    import("../packages/archive/fetch.ts"),
    import("../packages/archive/unpack.ts"),
  ]);
  const folder = cacheFolder(state);
  const request = { suite, architecture, sources: [], cacheFolder: folder, signal, progress: () => {} };
  await fetchPackages(packages, request);
  const trees = await Promise.all(packages.map((one) => unpack(one, folder, signal)));
  return new Map(packages.map((one, i) => [one, trees[i]?.tree ?? new Map()]));
}

function cacheFolder(state: StateFolder): string {
  return join(state.cache, "packages");
}
