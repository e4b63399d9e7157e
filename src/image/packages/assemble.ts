import type { TarEntry, TarTree } from "../tar/entry.ts";
import { addCertificates } from "./archive/certificates.ts";
import {
  applyPath,
  completed,
  ids,
  type PackageDraft,
  putFile,
  putFolder,
  putLink,
  readEntry,
} from "./archive/draft.ts";
import type { Unpacked } from "./archive/unpack.ts";
import { layoutLinks, libraryLinks, slimTree } from "./layout.ts";
import { runScripts, type ScriptEffects } from "./maintainer/run-scripts.ts";
import { failIfUnclear, planScripts, type ScriptPlan } from "./maintainer/script-plan.ts";
import { mergePackages } from "./merge.ts";
import { addAlternatives } from "./setup/alternatives.ts";
import { addDpkgDatabase } from "./setup/dpkg-database.ts";
import { addLoaderCache } from "./setup/loader-cache.ts";
import type { Recipe } from "./setup/recipe.ts";
import { tmpfilesFolders } from "./setup/tmpfiles.ts";
import { makeAccounts, type PackageAccounts } from "./setup/users.ts";

interface Assembled {
  readonly tree: TarTree;
  /** Paths of keys that scripts would make at random: they are left out. */
  readonly generated: readonly string[];
}

/**
 * The tree of a slim image: the packages' files, and the effects of their maintainer scripts. It depends only on the
 * packages, not on their order. Throws `package_needs_script` and `package_conflict`.
 */
export function assemble(unpacked: readonly Unpacked[], skipScripts: readonly string[]): Assembled {
  const packages = unpacked
    .map((one) => ({ ...one, tree: slimTree(one.tree) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const plan = planScripts(packages, skipScripts);
  const merged = mergePackages(packages);
  const before = accountsOf(merged, plan.used, []);
  let { draft, effects } = withScripts(merged, plan, before, before);
  failIfUnclear(effects.unclear);
  const accounts = accountsOf(merged, plan.used, effects.sysusers);
  // a new name may move the number of another one, which some of the files have then
  if (isMoved(before, accounts)) ({ draft, effects } = withScripts(merged, plan, before, accounts));
  finish({ ...draft, accounts }, plan, effects);
  addCertificates(draft);
  addLoaderCache(draft);
  addDpkgDatabase(draft, packages);
  return { tree: completed(draft), generated: [...effects.generated].sort() };
}

/** What the packages' scripts would do to a tree of their files, which may lack the content of files. */
export function tryScripts(merged: ReadonlyMap<string, TarEntry>, plan: ScriptPlan): ScriptEffects {
  const known = accountsOf(merged, plan.used, []);
  return withScripts(merged, plan, known, known).effects;
}

/** The tree with what comes from descriptions, from recipes, and from the scripts that are interpreted. */
function withScripts(
  merged: ReadonlyMap<string, TarEntry>,
  plan: ScriptPlan,
  known: PackageAccounts,
  accounts: PackageAccounts,
): { draft: PackageDraft; effects: ScriptEffects } {
  const tree = new Map(merged);
  const draft = { tree, mtime: newest(tree), accounts };
  addSystem(draft);
  for (const recipe of tmpfilesFolders(textsBelow(tree, "usr/lib/tmpfiles.d/"))) applyPath(draft, recipe);
  for (const recipe of plan.used.flatMap(({ paths }) => paths ?? [])) applyPath(draft, recipe);
  const effects = runScripts(plan.packages, {
    tree,
    mtime: draft.mtime,
    passwd: known.passwd,
    group: known.group,
  });
  return { draft, effects };
}

function isMoved(before: PackageAccounts, after: PackageAccounts): boolean {
  const moved = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>) =>
    [...a].some(([name, number]) => b.get(name) !== number);
  return moved(before.uids, after.uids) || moved(before.gids, after.gids);
}

/** What needs all accounts, and all that scripts have said. */
function finish(draft: PackageDraft, plan: ScriptPlan, effects: ScriptEffects): void {
  putAccounts(draft);
  for (const [path, { user, group }] of effects.owners) {
    const entry = draft.tree.get(path);
    if (entry) draft.tree.set(path, { ...entry, ...ids(draft, `${user}:${group}`) });
  }
  addAlternatives(draft, [...plan.findings, effects]);
  for (const { from, to } of plan.findings.flatMap(({ nginxModules }) => nginxModules)) {
    putLink(draft, `etc/nginx/modules-enabled/${to}`, `/usr/share/nginx/modules-available/${from}`);
  }
}

function newest(tree: ReadonlyMap<string, TarEntry>): number {
  return Math.max(0, ...[...tree.values()].filter(({ type }) => type === "file").map(({ mtime }) => mtime));
}

function accountsOf(tree: TarTree, used: readonly Recipe[], more: readonly string[]): PackageAccounts {
  return makeAccounts({
    passwdMaster: readEntry(tree, "usr/share/base-passwd/passwd.master")?.toString() ?? "",
    groupMaster: readEntry(tree, "usr/share/base-passwd/group.master")?.toString() ?? "",
    sysusers: [...textsBelow(tree, "usr/lib/sysusers.d/"), ...more],
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
  putAccounts(draft);
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

function putAccounts(draft: PackageDraft): void {
  putFile(draft, "etc/passwd", draft.accounts.passwd, { mode: 0o644 });
  putFile(draft, "etc/group", draft.accounts.group, { mode: 0o644 });
  putFile(draft, "etc/shadow", draft.accounts.shadow, { mode: 0o640, owner: "root:shadow" });
  putFile(draft, "etc/gshadow", draft.accounts.gshadow, { mode: 0o640, owner: "root:shadow" });
}
