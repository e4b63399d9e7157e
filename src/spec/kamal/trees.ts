import type { MapTree, YamlTree } from "../yaml/tree.ts";

// Parts of a Compose service that a Kamal file says in other words, each with the place where it says so.

type Place = Pick<YamlTree, "offset" | "path">;

export function scalar({ offset, path }: Place, text: string): YamlTree {
  return { kind: "scalar", offset, path, value: text, text };
}

export function list({ offset, path }: Place, items: readonly YamlTree[]): YamlTree {
  return { kind: "list", offset, path, items };
}

/** Without entries that are undefined. */
export function map(
  { offset, path }: Place,
  entries: Readonly<Record<string, YamlTree | undefined>>,
): MapTree {
  const all = Object.entries(entries).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, { keyOffset: value.offset, value }] as const],
  );
  return { kind: "map", offset, path, entries: new Map(all) };
}

/** `keys`: below the tree; undefined where one of them is missing. */
export function at(tree: YamlTree | undefined, ...keys: readonly string[]): YamlTree | undefined {
  const [key, ...rest] = keys;
  if (key === undefined) return tree;
  return tree?.kind === "map" ? at(tree.entries.get(key)?.value, ...rest) : undefined;
}
