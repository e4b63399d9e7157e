import { gunzipSync } from "node:zlib";
import { lookUp } from "../../layers/tree.ts";
import { contentBytes } from "../../store/content.ts";
import type { Unpacked } from "./unpack.ts";

/** The longest that Debian has, the kernel's, takes 2 MB. */
const largestBytes = 16 << 20;

/**
 * The changelog in a package (Debian Policy section 12.7); undefined when it has none of its own, which is so for packages that share
 * the documentation folder of another one.
 */
export function changelogOf({ name, tree }: Unpacked): string | undefined {
  for (const file of ["changelog.Debian", "changelog"]) {
    const entry = lookUp(tree, `usr/share/doc/${name}/${file}.gz`);
    if (entry?.content === undefined) continue;
    try {
      return gunzipSync(contentBytes(entry.content, largestBytes), {
        maxOutputLength: largestBytes,
      }).toString();
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/**
 * The vulnerabilities that a changelog (deb-changelog(5)) names, with the version of the first entry in which each one appears: that is
 * where it was fixed.
 */
export function fixesIn(changelog: string): ReadonlyMap<string, string> {
  const fixes = new Map<string, string>();
  let version: string | undefined;
  for (const line of changelog.split("\n")) {
    const [, begun] = /^[a-z0-9][a-z0-9+.-]* \(([^() ]+)\)/i.exec(line) ?? [];
    version = begun ?? version;
    // the newest entry is the first
    if (version !== undefined)
      for (const [id] of line.matchAll(/\bCVE-\d{4}-\d{4,}\b/g)) fixes.set(id, version);
  }
  return fixes;
}
