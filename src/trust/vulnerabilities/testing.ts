import type { DebianPackage } from "../sbom/debian-package.ts";
import type { Advisory } from "./advisory.ts";

/** For tests: packages built from a source package of their version. */
export function installed(source: string, version: string, ...names: readonly string[]): DebianPackage[] {
  return (names.length === 0 ? [source] : names).map((name) => ({
    ...{ name, version, architecture: "amd64", source: { name: source, version } },
    ...{ maintainer: undefined, needs: [], provides: [] },
  }));
}

/** For tests: an advisory about openssl in bookworm, with these changes. */
export function advisory(changes: Partial<Advisory> = {}): Advisory {
  return {
    ...{ id: "CVE-2025-0001", source: "openssl", suite: "bookworm", introduced: "0" },
    ...{ fixed: "3.0.17-1", severity: "medium", summary: "A buffer overflow" },
    ...changes,
  };
}
