import {
  parseStanzas,
  relationNames,
  type SourcePackage,
  type Stanza,
  sourceOf,
} from "../../image/packages/archive/control.ts";

/** A package that dpkg's database of an image lists as installed. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** What it was built from. Vulnerabilities are published for source packages. */
  readonly source: SourcePackage;
  /** `NAME <ADDRESS>`; undefined where the package does not state one. */
  readonly maintainer: string | undefined;
  /** Names in Depends and Pre-Depends, alternatives included. */
  readonly needs: readonly string[];
  /** Names in Provides. */
  readonly provides: readonly string[];
}

/**
 * The installed packages of dpkg's `status` file (deb822(5), and dpkg's "Status" field), sorted by name, architecture and
 * version; one without a name or a version is left out.
 */
export function installedPackages(status: string): readonly DebianPackage[] {
  const found = parseStanzas(status).flatMap((stanza) => packageOf(stanza) ?? []);
  const keyOf = ({ name, architecture, version }: DebianPackage) => [name, architecture, version].join("\0");
  const byKey = new Map(found.map((one) => [keyOf(one), one]));
  return [...byKey.keys()].sort().flatMap((key) => byKey.get(key) ?? []);
}

function packageOf(stanza: Stanza): DebianPackage | undefined {
  const [name, version] = [stanza.get("package"), stanza.get("version")];
  const state = stanza.get("status") ?? "install ok installed"; // distroless images leave it out
  if (!name || !version || !state.endsWith(" installed")) return undefined;
  return {
    name,
    version,
    architecture: stanza.get("architecture") ?? "all",
    source: sourceOf(stanza),
    maintainer: stanza.get("maintainer"),
    needs: [...relationNames(stanza.get("pre-depends")), ...relationNames(stanza.get("depends"))],
    provides: relationNames(stanza.get("provides")),
  };
}
