import { compareVersions } from "../../image/packages/debian-version.ts";
import type { DebianPackage } from "../sbom/debian-package.ts";
import { type KnownAdvisory, type Severity, severities, worstOf } from "./advisory.ts";
import { statementAbout, type VexStatement } from "./vex.ts";

/** A vulnerability in an image. */
export interface Vulnerability {
  readonly id: string;
  readonly severity: Severity;
  /** The source package, and its version in the image. */
  readonly source: string;
  readonly version: string;
  /** The packages of the image that are made from it. */
  readonly packages: readonly string[];
  /** The version without it; undefined while there is none. */
  readonly fixed: string | undefined;
  readonly summary: string;
  /** What the owner of the image has found out about it. */
  readonly vex: { readonly status: VexStatement["status"]; readonly why: string } | undefined;
}

/** The worst first, then by package and id. Findings that a VEX statement settles are among them: `isOpen` tells them apart. */
export function match(
  packages: readonly DebianPackage[],
  about: (source: string) => readonly KnownAdvisory[],
  { image, statements }: { readonly image: string; readonly statements: readonly VexStatement[] },
): readonly Vulnerability[] {
  const found: Vulnerability[] = [];
  for (const { source, built } of bySource(packages)) {
    const byId = Map.groupBy(about(source.name), ({ id }) => id);
    for (const [id, advisories] of byId) {
      if (!isVulnerable(source.version, advisories)) continue;
      const vex = statementAbout(statements, { id, image, source, packages: built });
      found.push({
        id,
        severity: worstOf(advisories.map(({ severity }) => severity)),
        source: source.name,
        version: source.version,
        packages: built.map(({ name }) => name),
        fixed: advisories
          .map(({ fixed }) => fixed)
          .filter((one) => one !== undefined)
          .filter((one) => compareVersions(source.version, one) < 0)
          .sort(compareVersions)[0],
        summary: advisories.find(({ summary }) => summary !== "")?.summary ?? "",
        vex: vex && { status: vex.status, why: vex.why },
      });
    }
  }
  return found.sort(inOrder);
}

/** No one has said that it does not concern this image, or is fixed in it. */
export function isOpen({ vex }: Vulnerability): boolean {
  return vex?.status !== "not_affected" && vex?.status !== "fixed";
}

function bySource(packages: readonly DebianPackage[]) {
  const groups = Map.groupBy(packages, ({ source }) => `${source.name}\n${source.version}`);
  return [...groups.values()].flatMap((built) => (built[0] ? [{ source: built[0].source, built }] : []));
}

/** One source of data that knows the version to be free of it is enough: sources learn of fixes at different times. */
function isVulnerable(version: string, advisories: readonly KnownAdvisory[]): boolean {
  return [...Map.groupBy(advisories, ({ origin }) => origin).values()].every((ranges) =>
    ranges.some(
      ({ introduced, fixed }) =>
        compareVersions(introduced, version) <= 0 &&
        (fixed === undefined || compareVersions(version, fixed) < 0),
    ),
  );
}

function inOrder(a: Vulnerability, b: Vulnerability): number {
  return (
    severities.indexOf(b.severity) - severities.indexOf(a.severity) ||
    compareText(a.source, b.source) ||
    compareText(a.id, b.id)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
