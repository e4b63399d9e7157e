import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { temporaryPath } from "../../../lib/files/temporary.ts";
import type { LockedPackage } from "../../lock-file.ts";
import { type Apt, findSources, openApt, runApt } from "./apt.ts";
import { fetchError } from "./apt-errors.ts";
import { type Archive, archives } from "./sources.ts";

/** What fetching needs: the cache, and the sources for missing packages. */
export interface FetchRequest {
  readonly suite: string;
  readonly sources: readonly string[];
  readonly architecture: string;
  readonly cacheFolder: string;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

const batchSize = 8;
const batchesAtOnce = 3;

/** Where a package's file is, or will be, in the cache. */
export function debPath(cacheFolder: string, one: LockedPackage): string {
  return join(cacheFolder, "debs", `${one.sha256}.deb`);
}

/**
 * Fetches every package into the cache; apt checks the digests. Needs no network when the cache has all. Throws
 * `package_gone`, `package_corrupt` and `apt_failed`.
 */
export async function fetchPackages(
  packages: readonly LockedPackage[],
  request: FetchRequest,
): Promise<void> {
  const missing = await missingFrom(packages, request.cacheFolder);
  if (missing.length === 0) return;
  const sources = await findSources(request.sources, request.suite, request.signal);
  const apt = await openApt(request.cacheFolder, request.architecture, sources, request.signal);
  await mkdir(join(request.cacheFolder, "debs"), { recursive: true, mode: 0o700 });
  const temporary = temporaryPath(join(request.cacheFolder, "temporary"));
  await mkdir(temporary, { mode: 0o700 });
  try {
    await fetchAll(apt, missing, temporary, request);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function missingFrom(
  packages: readonly LockedPackage[],
  cacheFolder: string,
): Promise<readonly LockedPackage[]> {
  const sizes = await Promise.all(packages.map((one) => sizeOf(debPath(cacheFolder, one))));
  return packages.filter((one, i) => sizes[i] !== one.size);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    (stats) => stats.size,
    () => undefined,
  );
}

async function fetchAll(
  apt: Apt,
  missing: readonly LockedPackage[],
  temporary: string,
  request: FetchRequest,
): Promise<void> {
  const bytes = missing.reduce((sum, one) => sum + one.size, 0);
  request.progress(`Fetching ${missing.length} packages (${(bytes / 1e6).toFixed(1)} MB)`);
  const batches = chunks(missing, batchSize);
  let done = 0;
  const worker = async () => {
    for (let batch = batches.shift(); batch; batch = batches.shift()) {
      await fetchBatch(apt, batch, temporary, request.cacheFolder);
      done += batch.length;
      request.progress(`Fetched ${done} of ${missing.length} packages`);
    }
  };
  // every worker must have ended before the temporary folder goes
  const outcomes = await Promise.allSettled(Array.from({ length: batchesAtOnce }, worker));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** Asks one archive after the other for the missing packages, first the one that the lock names. */
async function fetchBatch(
  apt: Apt,
  batch: readonly LockedPackage[],
  temporary: string,
  cacheFolder: string,
): Promise<void> {
  let missing = batch;
  let said = "";
  for (let round = 0; missing.length > 0; round++) {
    const asked = missing.flatMap((one) => {
      const uri = uriOf(one, archives(apt.sources), round);
      return uri === undefined ? [] : [{ one, uri }];
    });
    if (asked.length === 0) break;
    const { stderr } = await runApt(apt, "/usr/lib/apt/apt-helper", downloadArgs(asked, temporary), {
      ignoreFailure: true,
    });
    said += stderr;
    await Promise.all(missing.map((one) => keep(one, temporary, cacheFolder)));
    missing = await missingFrom(missing, cacheFolder);
  }
  const lost = missing[0];
  if (lost) throw fetchError(lost.name, lost.version, aboutFile(said, lost.path));
}

interface Asked {
  readonly one: LockedPackage;
  readonly uri: string;
}

function downloadArgs(asked: readonly Asked[], temporary: string): readonly string[] {
  return [
    "-q=2",
    "download-file",
    ...asked.flatMap(({ one, uri }) => [uri, join(temporary, one.sha256), `SHA256:${one.sha256}`]),
  ];
}

/** The `round`th URI to try, or undefined when there are no more. */
export function uriOf(one: LockedPackage, all: readonly Archive[], round: number): string | undefined {
  const inOrder = [...all.filter(({ suite }) => suite === one.suite), ...all].map(({ uri }) => uri);
  const uri = [...new Set(inOrder)][round];
  // apt would only link to a `file:`, and the cache must not change with it
  return uri === undefined ? undefined : `${uri.replace(/^file:/, "copy:")}/${one.path}`;
}

async function keep(one: LockedPackage, temporary: string, cacheFolder: string): Promise<void> {
  const fetched = join(temporary, one.sha256);
  if ((await sizeOf(fetched)) === one.size) await rename(fetched, debPath(cacheFolder, one));
}

/** What apt said about one file: its `E:` line and the indented lines after it. */
function aboutFile(said: string, path: string): string {
  const messages = said.split(/^(?=[EW]: )/m);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const about = messages.filter((message) => decodeLoosely(message).includes(name));
  return about.length === 0 ? said : about.join("");
}

function decodeLoosely(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
