import type { LockedPackage } from "../../lock-file.ts";
import { lockedPackage } from "../../lock-file.ts";
import { compareVersions } from "../debian-version.ts";
import { type Apt, runApt } from "./apt.ts";
import { changelogOf, fixesIn } from "./changelog.ts";
import { parseStanzas, type SourcePackage, type Stanza, sourceOf } from "./control.ts";
import { type FetchRequest, fetchPackages } from "./fetch.ts";
import { archives } from "./sources.ts";
import { unpack } from "./unpack.ts";

/** An installed package. */
export interface Installed {
  readonly name: string;
  readonly source: SourcePackage;
}

/** What an archive knows of a source package. */
export interface Known {
  readonly source: string;
  /** The oldest version that was asked about. */
  readonly from: string;
  /** The newest version that the archive has. */
  readonly newest: string;
  /** Vulnerability to the version that fixed it. */
  readonly fixes: ReadonlyMap<string, string>;
}

/**
 * What the suite's newer packages say that they fix: for each source package that the archive knows, and whose changelog could be read.
 * Fetches one package of each source that is newer than an installed one. The package lists are taken as they are.
 */
export async function knownFixes(
  apt: Apt,
  installed: readonly Installed[],
  request: FetchRequest,
): Promise<readonly Known[]> {
  const stanzas = await candidates(apt, [...new Set(installed.map(({ name }) => name))].sort());
  const known: Known[] = [];
  for (const [source, built] of Map.groupBy(stanzas, (stanza) => sourceOf(stanza).name)) {
    const versions = installed.filter((one) => one.source.name === source).map((one) => one.source.version);
    const from = versions.sort(compareVersions)[0];
    const newest = built
      .map((stanza) => sourceOf(stanza).version)
      .sort(compareVersions)
      .at(-1);
    if (from === undefined || newest === undefined) continue;
    const fixes = compareVersions(from, newest) < 0 ? await fixesOf(apt, built, request) : new Map();
    if (fixes !== undefined) known.push({ source, from, newest, fixes });
  }
  return known;
}

/** Large enough for any image, small enough for a command line. */
const namesAtOnce = 500;

async function candidates(apt: Apt, names: readonly string[]): Promise<readonly Stanza[]> {
  const found: Stanza[] = [];
  for (let at = 0; at < names.length; at += namesAtOnce) {
    const args = ["show", "--no-all-versions", "--", ...names.slice(at, at + namesAtOnce)];
    const { stdout } = await runApt(apt, "apt-cache", args, { ignoreFailure: true }); // it fails for names that are not there
    found.push(...parseStanzas(stdout));
  }
  return found;
}

/** Undefined when none of the packages has a changelog. The smallest is asked first. */
async function fixesOf(
  apt: Apt,
  built: readonly Stanza[],
  request: FetchRequest,
): Promise<ReadonlyMap<string, string> | undefined> {
  const packages = built.flatMap((stanza) => packageOf(stanza, apt) ?? []).sort((a, b) => a.size - b.size);
  for (const one of packages) {
    await fetchPackages([one], request);
    const changelog = changelogOf(await unpack(one, request.cacheFolder, request.signal));
    if (changelog !== undefined) return fixesIn(changelog);
  }
  return undefined;
}

function packageOf(stanza: Stanza, apt: Apt): LockedPackage | undefined {
  const found = lockedPackage.safeParse({
    name: stanza.get("package"),
    version: stanza.get("version"),
    architecture: stanza.get("architecture"),
    size: Number(stanza.get("size")),
    sha256: stanza.get("sha256"),
    path: stanza.get("filename")?.replace(/^(\.?\/+)+/, ""),
    suite: archives(apt.sources)[0]?.suite,
  });
  return found.data;
}
