import type { LockedPackage } from "../../lock-file.ts";
import { compareVersions } from "../debian-version.ts";
import { changelogOf, fixesIn } from "./changelog.ts";
import { type SourcePackage, sourceOf } from "./control.ts";
import { type FetchRequest, fetchPackages } from "./fetch.ts";
import { type Unpacked, unpack } from "./unpack.ts";

/** A source package of which an update takes another version. */
export interface Update {
  readonly source: string;
  readonly packages: readonly string[];
  readonly before: string;
  readonly after: string;
  /** Vulnerabilities that the changelog names between the two versions. */
  readonly fixes: readonly string[];
}

/** What differs between two locks, with what the changelogs say of it. Fetches the packages that changed. */
export async function updatesBetween(
  before: readonly LockedPackage[],
  after: readonly LockedPackage[],
  request: FetchRequest,
): Promise<readonly Update[]> {
  const old = new Map(before.map(({ name, version }) => [name, version]));
  const changed = after.filter(({ name, version }) => (old.get(name) ?? version) !== version);
  await fetchPackages(changed, request);
  const unpacked: Unpacked[] = [];
  for (const one of changed) unpacked.push(await unpack(one, request.cacheFolder, request.signal));
  const groups = Map.groupBy(unpacked, ({ control }) => sourceOf(control).name);
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, built]) => updateOf(name, built, old));
}

function updateOf(source: string, built: readonly Unpacked[], old: ReadonlyMap<string, string>): Update {
  const [first] = built;
  const after = first === undefined ? "" : (first.control.get("version") ?? "");
  const before = old.get(first?.name ?? "") ?? "";
  const changelog = built.map(changelogOf).find((text) => text !== undefined) ?? "";
  const isNew = first !== undefined && changelog !== "" && follows(sourceOf(first.control), after);
  return {
    ...{ source, before, after },
    packages: built.map(({ name }) => name),
    fixes: isNew
      ? [...fixesIn(changelog)]
          .filter(([, version]) => lies(version, before, after))
          .map(([id]) => id)
          .sort()
      : [],
  };
}

/** Some packages have a version of their own, which says nothing about their source's changelog. */
function follows({ version }: SourcePackage, own: string): boolean {
  return version === own.replace(/\+b\d+$/, "");
}

function lies(version: string, before: string, after: string): boolean {
  return compareVersions(before, version) < 0 && compareVersions(version, after) <= 0;
}

const mostNamed = 8;

/** One line for each update, those that fix something first. */
export function updateLines(updates: readonly Update[]): readonly string[] {
  return [...updates]
    .sort((a, b) => Number(b.fixes.length > 0) - Number(a.fixes.length > 0))
    .map(({ source, before, after, fixes }) => {
      const named = fixes.slice(0, mostNamed).join(", ");
      const more = fixes.length > mostNamed ? ` and ${fixes.length - mostNamed} more` : "";
      return `update ${source} ${before} to ${after}${fixes.length === 0 ? "" : `: fixes ${named}${more}`}`;
    });
}
