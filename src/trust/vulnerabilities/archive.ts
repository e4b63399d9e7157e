import { join } from "node:path";
import { findSources, openApt, updateLists } from "../../image/packages/archive/apt.ts";
import { knownFixes } from "../../image/packages/archive/newer.ts";
import { listImages } from "../../image/store/images.ts";
import { hostArchitecture } from "../../image/store/oci-types.ts";
import { withFileLock } from "../../lib/files/file-lock.ts";
import { sha256 } from "../../lib/files/sha256.ts";
import type { StateFolder } from "../../lib/state-folder.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { contentsOf } from "../sbom/contents.ts";
import type { DebianPackage } from "../sbom/debian-package.ts";
import { Advisories, type DataSource } from "./database.ts";
import type { Import } from "./documents.ts";
import { suiteOf } from "./scan.ts";

interface UpdateOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

/** How long a build may hold the package lists before this gives up. */
const lockTimeoutMs = 300_000;

/**
 * For each suite that images of the store are made of: fetches the machine's package lists, and reads from the changelogs of newer
 * packages what they fix. Throws `apt_failed` and what fetching packages throws; suites that are done stay done.
 */
export async function updateFromArchives(
  state: StateFolder,
  options: UpdateOptions,
): Promise<readonly DataSource[]> {
  const done: DataSource[] = [];
  for (const [suite, packages] of await packagesBySuite(state, options.signal)) {
    const one = await readArchive(state, suite, packages, options);
    using advisories = Advisories.open(state);
    done.push(advisories.replace(one, options.clock.now(), { force: true }));
  }
  return done;
}

async function packagesBySuite(
  state: StateFolder,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly DebianPackage[]>> {
  const found = new Map<string, DebianPackage[]>();
  for (const digest of new Set((await listImages(state)).map((image) => image.digest))) {
    const { system, packages } = await contentsOf(state, digest, signal);
    const suite = suiteOf(system);
    if (suite !== undefined) found.set(suite, [...(found.get(suite) ?? []), ...packages]);
  }
  return found;
}

async function readArchive(
  state: StateFolder,
  suite: string,
  packages: readonly DebianPackage[],
  { clock, signal, progress }: UpdateOptions,
): Promise<Import> {
  const cacheFolder = join(state.cache, "packages");
  const sources = await findSources([], suite, signal);
  const apt = await openApt(cacheFolder, hostArchitecture(), sources, signal);
  const request = { suite, sources: [], architecture: apt.architecture, cacheFolder, signal, progress };
  const known = await withFileLock(
    join(apt.folder, "lock"),
    async () => {
      progress(`Fetching the package lists of ${suite}`);
      await updateLists(apt);
      return knownFixes(apt, packages, request);
    },
    { signal, timeoutMs: lockTimeoutMs },
  );
  const advisories = known.flatMap(({ source, fixes }) =>
    [...fixes].map(([id, fixed]) => {
      return { id, source, suite, introduced: "0", fixed, severity: "unknown", summary: "" } as const;
    }),
  );
  return {
    name: `archive:${suite}`,
    madeAtMs: clock.now(),
    sha256: sha256(JSON.stringify(advisories)),
    suites: [suite],
    covers: Object.fromEntries(known.map(({ source, from }) => [source, from])),
    advisories,
    statements: [],
  };
}
