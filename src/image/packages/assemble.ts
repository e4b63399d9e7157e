import { KilnError } from "../../lib/errors.ts";
import type { TarEntry, TarTree } from "../tar/entry.ts";
import { addCertificates } from "./archive/certificates.ts";
import {
  applyPath,
  completed,
  type PackageDraft,
  putFile,
  putFolder,
  putLink,
  readEntry,
} from "./archive/draft.ts";
import type { Unpacked } from "./archive/unpack.ts";
import { layoutLinks, libraryLinks, slimTree } from "./layout.ts";
import { mergePackages } from "./merge.ts";
import { addAlternatives } from "./setup/alternatives.ts";
import { addDpkgDatabase } from "./setup/dpkg-database.ts";
import { addLoaderCache } from "./setup/loader-cache.ts";
import { findRecipe, type Recipe } from "./setup/recipe.ts";
import { recipes } from "./setup/recipes.ts";
import { readScript, type ScriptFindings } from "./setup/scripts.ts";
import { tmpfilesFolders } from "./setup/tmpfiles.ts";
import { makeAccounts, type PackageAccounts } from "./setup/users.ts";

/**
 * The tree of a slim image: the packages' files, and the effects of their maintainer scripts. It depends only on the
 * packages, not on their order. Throws `package_needs_script` and `package_conflict`.
 */
export function assemble(unpacked: readonly Unpacked[], skipScripts: readonly string[]): TarTree {
  const packages = unpacked
    .map((one) => ({ ...one, tree: slimTree(one.tree) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const findings = packages.map((one) => ({ name: one.name, ...findingsOf(one) }));
  checkScripts(findings, skipScripts);
  const used = packages.flatMap(({ name }) => findRecipe(recipes, name) ?? []);
  const tree = mergePackages(packages);
  const draft = { tree, mtime: newest(tree), accounts: accountsOf(tree, used) };
  addSystem(draft);
  for (const recipe of tmpfilesFolders(textsBelow(tree, "usr/lib/tmpfiles.d/"))) applyPath(draft, recipe);
  for (const recipe of used.flatMap(({ paths }) => paths ?? [])) applyPath(draft, recipe);
  addAlternatives(draft, findings);
  for (const { from, to } of findings.flatMap(({ nginxModules }) => nginxModules)) {
    putLink(draft, `etc/nginx/modules-enabled/${to}`, `/usr/share/nginx/modules-available/${from}`);
  }
  addCertificates(draft);
  addLoaderCache(draft);
  addDpkgDatabase(draft, packages);
  return completed(draft);
}

function findingsOf(one: Unpacked): ScriptFindings {
  const [before, after] = [one.members.get("preinst") ?? "", one.members.get("postinst") ?? ""].map(
    readScript,
  );
  return {
    alternatives: [...(before?.alternatives ?? []), ...(after?.alternatives ?? [])],
    nginxModules: after?.nginxModules ?? [],
    rest: [...(before?.rest ?? []), ...(after?.rest ?? [])],
  };
}

function checkScripts(
  findings: readonly (ScriptFindings & { name: string })[],
  skip: readonly string[],
): void {
  const open = findings.filter(
    ({ name, rest }) => rest.length > 0 && !skip.includes(name) && !findRecipe(recipes, name),
  );
  if (open.length === 0) return;
  const names = open.map(({ name }) => name).join(", ");
  throw new KilnError(
    "package_needs_script",
    `A slim image runs no maintainer scripts, and Kiln has no recipe for ${names}.`,
    {
      hint: `Write \`image.engine: full\`, with which all scripts run while the image is built, and run \`kiln build --update\`; the image is larger, and has a shell. Only if the service needs nothing of what they do: \`image.skipScripts: [${names}]\`.`,
      problems: open.map(({ name, rest }) => ({ message: `${name} wants: ${condensed(rest)}` })),
    },
  );
}

function condensed(lines: readonly string[]): string {
  const text = lines.join("; ");
  return text.length > 400 ? `${text.slice(0, 400)} … (${lines.length} lines)` : text;
}

function newest(tree: ReadonlyMap<string, TarEntry>): number {
  return Math.max(0, ...[...tree.values()].filter(({ type }) => type === "file").map(({ mtime }) => mtime));
}

function accountsOf(tree: TarTree, used: readonly Recipe[]): PackageAccounts {
  return makeAccounts({
    passwdMaster: readEntry(tree, "usr/share/base-passwd/passwd.master")?.toString() ?? "",
    groupMaster: readEntry(tree, "usr/share/base-passwd/group.master")?.toString() ?? "",
    sysusers: textsBelow(tree, "usr/lib/sysusers.d/"),
    users: used.flatMap(({ users }) => users ?? []),
  });
}

function textsBelow(tree: TarTree, folder: string): readonly string[] {
  const paths = [...tree.keys()].filter((path) => path.startsWith(folder) && path.endsWith(".conf")).sort();
  return paths.map((path) => readEntry(tree, path)?.toString() ?? "");
}

/** What a running system needs but no package contains: accounts, mount points, and the merged layout's links. */
function addSystem(draft: PackageDraft): void {
  for (const { path, link } of [...layoutLinks, ...libraryLinks(draft.tree)]) putLink(draft, path, link);
  for (const path of ["dev", "proc", "run", "sys", "etc", "home"]) putFolder(draft, path, { mode: 0o755 });
  for (const path of ["tmp", "var/tmp", "run/lock"]) putFolder(draft, path, { mode: 0o1777 });
  putFolder(draft, "root", { mode: 0o700 });
  putFile(draft, "etc/passwd", draft.accounts.passwd, { mode: 0o644 });
  putFile(draft, "etc/group", draft.accounts.group, { mode: 0o644 });
  putFile(draft, "etc/shadow", draft.accounts.shadow, { mode: 0o640, owner: "root:shadow" });
  putFile(draft, "etc/gshadow", draft.accounts.gshadow, { mode: 0o640, owner: "root:shadow" });
  // mount points for the files that the host adds to each server
  for (const name of ["hostname", "hosts", "resolv.conf"]) {
    applyPath(draft, {
      kind: "file",
      path: `etc/${name}`,
      text: name === "hosts" ? "127.0.0.1\tlocalhost\n::1\tlocalhost\n" : "",
    });
  }
  applyPath(draft, { kind: "link", path: "etc/mtab", to: "/proc/self/mounts" });
}
