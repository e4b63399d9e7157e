import type { TarEntry } from "../../tar/entry.ts";
import { relationNames, type Stanza } from "../archive/control.ts";
import type { Alternative } from "../setup/scripts.ts";
import { ownText } from "../setup/scripts.ts";
import { ShellInterpreter } from "../shell/shell.ts";
import { NotUnderstood } from "../shell/syntax.ts";
import { ScriptAccounts } from "./accounts.ts";
import { type Answers, registerTemplates } from "./debconf.ts";
import { ContentUnknown, ImageFiles, type OwnerNames } from "./image-files.ts";
import { inTime, UsedUp } from "./in-time.ts";
import { maintainerWorld } from "./maintainer-world.ts";

/** A package of the image. */
export interface ScriptedPackage {
  readonly name: string;
  /** Whether its scripts do more than what is done without reading them. */
  readonly isInterpreted: boolean;
  readonly control: Stanza;
  readonly members: ReadonlyMap<string, string>;
  /** The paths that it brings. */
  readonly paths: Iterable<string>;
}

/** What scripts have done besides changing the tree. */
export interface ScriptEffects {
  readonly alternatives: readonly Alternative[];
  /** Lines of sysusers.d(5). */
  readonly sysusers: readonly string[];
  /** By path; names of users and groups, or their numbers. */
  readonly owners: ReadonlyMap<string, OwnerNames>;
  /** By package: the first command that is not understood. */
  readonly unclear: ReadonlyMap<string, string>;
  /** Files whose content would have to be known. */
  readonly unread: ReadonlySet<string>;
  /** Paths of keys that the scripts would make, and that the image therefore lacks. */
  readonly generated: ReadonlySet<string>;
}

interface Start {
  readonly tree: Map<string, TarEntry>;
  readonly mtime: number;
  /** Accounts that are there without the scripts, as passwd(5) and group(5). */
  readonly passwd: string;
  readonly group: string;
}

/**
 * Does what the packages' `preinst`, `config` and `postinst` do on a first installation, without running them: an interpreter reads them and
 * changes the tree. Dependencies come first. A package's effects are complete, or it is `unclear` and the tree is of no use.
 */
export function runScripts(packages: readonly ScriptedPackage[], start: Start): ScriptEffects {
  const files = new ImageFiles(start.tree, start.mtime);
  const accounts = new ScriptAccounts(start.passwd, start.group);
  const answers: Answers = new Map();
  const alternatives: Alternative[] = [];
  const unclear = new Map<string, string>();
  const unread = new Set<string>();
  const generated = new Set<string>();
  const versions = new Map(packages.map(({ name, control }) => [name, control.get("version") ?? ""]));
  const contents = new Map(packages.map(({ name, paths }) => [name, paths]));
  const architectures = packages.map(({ control }) => control.get("architecture") ?? "all");
  const architecture = architectures.find((one) => one !== "all") ?? "all";
  for (const one of inOrder(packages)) registerTemplates(answers, one.members.get("templates") ?? "");
  for (const one of inOrder(packages).filter(({ isInterpreted }) => isInterpreted)) {
    const shared = { architecture, versions, contents, accounts, answers, alternatives, generated };
    try {
      files.folder = "/";
      files.umask = 0o022;
      const before = withoutOwn(files, one, start.mtime);
      runScript(one, "preinst", ["install"], { ...shared, files: before });
      adopt(files, before);
      if (one.members.has("config")) runScript(one, "config", ["configure"], { ...shared, files });
      runScript(one, "postinst", ["configure"], { ...shared, files });
    } catch (thrown) {
      if (!(thrown instanceof NotUnderstood) && !(thrown instanceof ContentUnknown)) throw thrown;
      unclear.set(one.name, thrown.message || "a script");
      if (thrown instanceof UsedUp) break;
      if (thrown instanceof ContentUnknown) unread.add(thrown.path);
    }
  }
  if (unclear.size === 0) for (const path of files.namesIn("/tmp")) files.remove(`/tmp/${path}`);
  return { alternatives, sysusers: accounts.lines, owners: files.owners, unclear, unread, generated };
}

function runScript(
  one: ScriptedPackage,
  kind: string,
  args: readonly string[],
  context: Parameters<typeof maintainerWorld>[0],
): void {
  const text = one.members.get(kind);
  if (text === undefined) return;
  const interpreter = /^#!\s*(.*)/.exec(text)?.[1]?.trim() ?? "";
  if (!/^(\/usr)?\/bin\/(sh|bash|dash)\b/.test(interpreter))
    throw new NotUnderstood(`a script for ${interpreter}`);
  const variables = new Map(
    Object.entries({
      ...{
        DEBIAN_FRONTEND: "noninteractive",
        DEBCONF_FRONTEND: "noninteractive",
        HOME: "/root",
        PATH: "/usr/sbin:/usr/bin",
        DPKG_ROOT: "",
      },
      ...{
        DPKG_MAINTSCRIPT_NAME: kind,
        DPKG_MAINTSCRIPT_PACKAGE: one.name,
        DPKG_MAINTSCRIPT_ARCH: context.architecture,
      },
      ...{ DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT: "1" },
    }),
  );
  const shell = new ShellInterpreter(maintainerWorld(context), variables, args);
  const status = inTime(
    () => shell.run(ownText(text)),
    () => shell.place,
  );
  if (status !== 0) throw new NotUnderstood(`a ${kind} that ends with ${status}, after: ${shell.place}`);
}

/** `preinst` runs before the package's files are there. */
function withoutOwn(files: ImageFiles, one: ScriptedPackage, mtime: number): ImageFiles {
  if (!one.members.has("preinst")) return files;
  const tree = new Map(files.tree);
  for (const path of one.paths) if (tree.get(path)?.type !== "folder") tree.delete(path);
  return new ImageFiles(tree, mtime);
}

/** What `preinst` has made; the package's own files win. */
function adopt(files: ImageFiles, before: ImageFiles): void {
  if (before === files) return;
  for (const [path, entry] of before.tree) {
    const there = files.tree.get(path);
    if (there === entry || there?.type === "file" || there?.type === "symlink") continue;
    files.put(entry);
  }
  for (const [path, owner] of before.owners) files.owners.set(path, owner);
}

/** Each package after those that it depends on; a circle is broken at the name that comes first. */
function inOrder(packages: readonly ScriptedPackage[]): readonly ScriptedPackage[] {
  const byName = new Map(packages.map((one) => [one.name, one]));
  const done = new Set<string>();
  const ordered: ScriptedPackage[] = [];
  const visit = (one: ScriptedPackage) => {
    if (done.has(one.name)) return;
    done.add(one.name);
    for (const name of [one.control.get("pre-depends"), one.control.get("depends")].flatMap(relationNames)) {
      const next = byName.get(name);
      if (next) visit(next);
    }
    ordered.push(one);
  };
  for (const one of [...packages].sort((a, b) => (a.name < b.name ? -1 : 1))) visit(one);
  return ordered;
}
