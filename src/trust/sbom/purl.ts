import type { System } from "./contents.ts";
import type { DebianPackage } from "./debian-package.ts";

/**
 * The package URL of a Debian package (purl-spec, and its type definition `deb`). `upstream` names the source package, by
 * which scanners look vulnerabilities up.
 */
export function purlOf(
  { name, version, architecture, source }: DebianPackage,
  system: System | undefined,
): string {
  const upstream = source.version === version ? source.name : `${source.name}@${source.version}`;
  const qualifiers = [
    ["arch", architecture],
    ...(system?.version === undefined ? [] : [["distro", `${system.id}-${system.version}`]]),
    ...(upstream === name ? [] : [["upstream", upstream]]),
  ].map(([key, value]) => `${key}=${encoded(value ?? "")}`);
  const place = `pkg:deb/${encoded(system?.id ?? "debian")}`;
  return `${place}/${encoded(name.toLowerCase())}@${encoded(version)}?${qualifiers.join("&")}`;
}

/** The colon of an epoch stays as it is. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll("%3A", ":");
}
