import { sha256 } from "../../../lib/files/sha256.ts";
import { contentBytes } from "../../store/content.ts";
import type { TarEntry, TarTree } from "../../tar/entry.ts";
import { readEntry } from "../archive/draft.ts";

/** A difference that a slim image may have from an installation. */
export interface Allowed {
  readonly path: RegExp;
  readonly why: string;
}

/** Each path that is not the same in both trees, with what is; owners count by name, since numbers are given in another way. Times do not count. */
export function differences(slim: TarTree, full: TarTree, allowed: readonly Allowed[]): readonly string[] {
  const [show, showFull] = [shower(slim), shower(full)];
  return [...new Set([...slim.keys(), ...full.keys()])].sort().flatMap((path) => {
    if (allowed.some((one) => one.path.test(path))) return [];
    const [a, b] = [show(slim.get(path)), showFull(full.get(path))];
    return a === b ? [] : [`${path}: slim ${a}, full ${b}`];
  });
}

/** Users with home and shell, and groups with members, without their numbers. */
export function accountLines(tree: TarTree): readonly string[] {
  const groups = namesOf(tree, "etc/group");
  const lines = (path: string, show: (fields: readonly string[]) => string) =>
    fieldsOf(tree, path).map((fields) => `${path}: ${show(fields)}`);
  return [
    ...lines("etc/passwd", ([name, , , gid = "", , home, shell]) =>
      [name, groups.get(gid), home, shell].join(" "),
    ),
    ...lines("etc/group", ([name, , , members = ""]) => `${name} ${members.split(",").sort().join(",")}`),
  ].sort();
}

function shower(tree: TarTree): (entry: TarEntry | undefined) => string {
  const users = namesOf(tree, "etc/passwd");
  const groups = namesOf(tree, "etc/group");
  return (given) => {
    const entry = given?.type === "hardlink" ? tree.get(given.link ?? "") : given;
    if (!entry) return "nothing";
    if (entry.type === "symlink") return `link to ${entry.link}`;
    const owner = `${users.get(String(entry.uid)) ?? entry.uid}:${groups.get(String(entry.gid)) ?? entry.gid}`;
    const content = entry.content ? sha256(contentBytes(entry.content, 1 << 30)).slice(0, 12) : "";
    return `${entry.type} ${entry.mode.toString(8)} ${owner} ${content}`.trim();
  };
}

function namesOf(tree: TarTree, path: string): ReadonlyMap<string, string> {
  return new Map(fieldsOf(tree, path).map(([name = "", , number = ""]) => [number, name]));
}

function fieldsOf(tree: TarTree, path: string): readonly (readonly string[])[] {
  const text = readEntry(tree, path)?.toString() ?? "";
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(":"));
}
