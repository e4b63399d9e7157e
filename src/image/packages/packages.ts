import { availableParallelism } from "node:os";
import { join } from "node:path";
import { sweepTemporary } from "../../lib/files/temporary.ts";
import { inParallel } from "../../lib/in-parallel.ts";
import {
  checkUpToDate,
  type LockSection,
  lockDigest,
  readLockSection,
  writeLockSection,
} from "../lock-file.ts";
import type { TarTree } from "../tar/entry.ts";
import { findSources, openApt } from "./archive/apt.ts";
import { generatedNote, type LockedPackages, type PackagesRequest } from "./contract.ts";
import { fullVersion } from "./full/version.ts";
import { recipeVersion } from "./setup/recipe.ts";

/**
 * The packages of a service's image. If the lock has the service, this only reads the lock; without one, or
 * with `updateLock`, apt resolves them and the lock is written.
 *
 * Throws `lock_stale`, `lock_invalid`, `package_unknown`, `package_conflict` and `apt_failed`; `tree` throws
 * `package_gone`, `package_corrupt`, `package_needs_script`, `package_conflict`, `package_script_failed` and `apt_failed`.
 */
export async function packagesTree(request: PackagesRequest): Promise<LockedPackages> {
  const section = (await lockedSection(request)) ?? (await resolveAndLock(request));
  const inputDigest = inputDigestOf(section, request);
  const tree = () =>
    request.engine === "full" ? installedTree(section, inputDigest, request) : slimTree(section, request);
  return { inputDigest, packages: section.packages, tree };
}

async function lockedSection(request: PackagesRequest): Promise<LockSection | undefined> {
  if (request.updateLock) return undefined;
  const section = await readLockSection(request.lockFile, request.service);
  if (section) checkUpToDate(section, { ...request, requested: requestedOf(request) }, request.service);
  return section;
}

function requestedOf(request: PackagesRequest): string[] {
  return [...new Set(request.packages)].sort();
}

/** How long another resolution from the same sources may take before this one gives up. */
const resolveTimeoutMs = 300_000;

async function resolveAndLock(request: PackagesRequest): Promise<LockSection> {
  const { suite, architecture, engine, signal, cacheFolder } = request;
  // a lock that cannot be read must fail before the work, not after it
  const before = await readLockSection(request.lockFile, request.service);
  const [{ resolvePackages }, { withFileLock }] = await Promise.all([
    import("./archive/resolve.ts"),
    import("../../lib/files/file-lock.ts"),
  ]);
  const sources = await findSources(request.sources, suite, signal);
  const apt = await openApt(cacheFolder, architecture, sources, signal);
  const requested = requestedOf(request);
  const packages = await withFileLock(
    join(apt.folder, "lock"),
    () => resolvePackages(apt, requested, engine, request.progress),
    { signal, timeoutMs: resolveTimeoutMs },
  );
  const section = {
    ...{ suite, architecture },
    ...(engine === "full" ? { engine } : {}),
    ...{ requested, packages: [...packages] },
  };
  if (before?.suite === suite) await tellUpdates(before, section, request);
  await withFileLock(
    join(cacheFolder, "lock-writer"),
    () => writeLockSection(request.lockFile, request.service, section),
    { signal },
  );
  return section;
}

/** Before the lock is written. */
async function tellUpdates(before: LockSection, after: LockSection, request: PackagesRequest): Promise<void> {
  const { updateLines, updatesBetween } = await import("./archive/update-notes.ts");
  for (const line of updateLines(await updatesBetween(before.packages, after.packages, request)))
    request.note(line);
}

/** Everything that decides the layer's content. */
function inputDigestOf(section: LockSection, { engine, skipScripts }: PackagesRequest): string {
  if (engine === "full") return lockDigest(section, `full ${fullVersion}`);
  return lockDigest(section, `recipe ${recipeVersion}`, ...[...skipScripts].sort());
}

async function installedTree(section: LockSection, name: string, request: PackagesRequest): Promise<TarTree> {
  const [{ fetchPackages }, { install }] = await Promise.all([
    import("./archive/fetch.ts"),
    import("./full/install.ts"),
  ]);
  sweepTemporary(join(request.cacheFolder, "temporary"));
  await fetchPackages(section.packages, request);
  return install(section.packages, name, request);
}

async function slimTree(section: LockSection, request: PackagesRequest): Promise<TarTree> {
  const [{ fetchPackages }, { unpack }, { assemble }, { missingInterpreters }] = await Promise.all([
    import("./archive/fetch.ts"),
    import("./archive/unpack.ts"),
    import("./assemble.ts"),
    import("./setup/interpreters.ts"),
  ]);
  sweepTemporary(join(request.cacheFolder, "temporary"));
  await fetchPackages(section.packages, request);
  request.progress(`Unpacking ${section.packages.length} packages`);
  const unpacked = await inParallel(section.packages, Math.max(2, availableParallelism()), (one) =>
    unpack(one, request.cacheFolder, request.signal),
  );
  const { tree, generated } = assemble(unpacked, request.skipScripts);
  if (generated.length > 0) request.note(generatedNote(generated));
  const asked = unpacked.filter(({ name }) => section.requested.some((one) => one.split("=")[0] === name));
  for (const one of asked) {
    for (const { path, interpreter } of missingInterpreters(tree, one.tree.keys())) {
      request.progress(`/${path} of ${one.name} needs ${interpreter}, which the image does not have`);
    }
  }
  return tree;
}
