import { type PackageDraft, putFile, putFolder } from "../archive/draft.ts";
import type { Unpacked } from "../archive/unpack.ts";
import { currentPath } from "../layout.ts";

/**
 * dpkg's database, from which vulnerability scanners and `dpkg-query --root` read an image's packages: `status`,
 * and for each package the list of its files and their digests.
 */
export function addDpkgDatabase(draft: PackageDraft, packages: readonly Unpacked[]): void {
  putFolder(draft, "var/lib/dpkg", { mode: 0o755 });
  putFolder(draft, "var/lib/dpkg/info", { mode: 0o755 });
  putFolder(draft, "var/lib/dpkg/updates", { mode: 0o755 });
  putFile(draft, "var/lib/dpkg/status", packages.map(installed).join("\n"), { mode: 0o644 });
  // so that dpkg looks for `name:architecture.list`
  putFile(draft, "var/lib/dpkg/info/format", "1\n", { mode: 0o644 });
  for (const one of packages) {
    const base = `var/lib/dpkg/info/${infoName(one)}`;
    const paths = [...one.tree.keys()].sort().map((path) => `/${path}\n`);
    putFile(draft, `${base}.list`, `/.\n${paths.join("")}`, { mode: 0o644 });
    putFile(draft, `${base}.md5sums`, keptDigests(one), { mode: 0o644 });
  }
}

function installed(one: Unpacked): string {
  const control = (one.members.get("control") ?? "").trimEnd();
  return `${control.replace(/^(Package: .*)$/m, "$1\nStatus: install ok installed")}\n`;
}

function infoName(one: Unpacked): string {
  return one.control.get("multi-arch") === "same"
    ? `${one.name}:${one.control.get("architecture")}`
    : one.name;
}

/** The digests of the files that are in the image, under their paths there. */
function keptDigests(one: Unpacked): string {
  const lines = (one.members.get("md5sums") ?? "").split("\n").map((line) => ({
    digest: line.slice(0, 32),
    path: currentPath(line.slice(34)),
  }));
  return lines
    .filter(({ path }) => one.tree.has(path))
    .map(({ digest, path }) => `${digest}  ${path}\n`)
    .join("");
}
