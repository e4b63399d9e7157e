/**
 * A YAML document as Kiln sees it: maps, lists and scalars, each with its place in the text and the path that
 * the user wrote it under. Anchors, tags and other features of YAML are already refused.
 */
export type YamlTree = MapTree | ListTree | ScalarTree | BrokenTree;

/** A key or an index, from the root down. */
export type Path = readonly (string | number)[];

interface Written {
  /** Where the value starts: characters from the start of the file. */
  readonly offset: number;
  /** The path as in the file; in a merged tree it may differ from the path that leads here. */
  readonly path: Path;
}

export interface MapTree extends Written {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface MapEntry {
  readonly keyOffset: number;
  readonly value: YamlTree;
}

export interface ListTree extends Written {
  readonly kind: "list";
  readonly items: readonly YamlTree[];
}

export interface ScalarTree extends Written {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** The characters in the file, for a plain scalar; the value, for a quoted one. */
  readonly text: string;
  /** In a file with variables: those whose values are secrets, which the text names and does not have. */
  readonly secrets?: readonly string[];
}

/** Something already reported, with an unknown value. */
export interface BrokenTree extends Written {
  readonly kind: "broken";
}

/**
 * `overlay` merged over `base`: maps key by key, at every depth; scalars and lists replace. A written-out `null`
 * removes the key. Values from the overlay keep their own place and path.
 */
export function merge(base: MapTree, overlay: MapTree): MapTree {
  const entries = new Map(base.entries);
  for (const [key, entry] of overlay.entries) {
    const under = entries.get(key)?.value;
    if (removes(entry.value)) entries.delete(key);
    else if (under?.kind === "map" && entry.value.kind === "map") {
      entries.set(key, { ...entry, value: merge(under, entry.value) });
    } else entries.set(key, { ...entry, value: withoutNulls(entry.value) });
  }
  return { ...base, entries };
}

/** `key:` with nothing after it is a forgotten value, not a removal. */
function removes(tree: YamlTree): boolean {
  return tree.kind === "scalar" && tree.value === null && tree.text !== "";
}

function withoutNulls(tree: YamlTree): YamlTree {
  return tree.kind === "map" ? merge({ ...tree, entries: new Map() }, tree) : tree;
}

/** The tree as plain data. Where `asWritten` says so, numbers and booleans become the text that the user wrote. */
export function toValue(tree: YamlTree, asWritten: (path: Path) => boolean, path: Path = []): unknown {
  switch (tree.kind) {
    case "map":
      return Object.fromEntries(
        [...tree.entries].map(([key, entry]) => [key, toValue(entry.value, asWritten, [...path, key])]),
      );
    case "list":
      return tree.items.map((item, index) => toValue(item, asWritten, [...path, index]));
    case "scalar":
      return tree.value !== null && asWritten(path) ? tree.text : tree.value;
    case "broken":
      return undefined;
  }
}

/** The value at a path, as far as the tree contains the path. */
export interface Spot {
  /** Undefined when the tree has no value at the path itself. */
  readonly tree: YamlTree | undefined;
  /** The place for a message: the key or item, or the deepest existing one on the path. */
  readonly offset: number;
  /** The path as the user wrote it. */
  readonly path: Path;
}

export function findSpot(root: YamlTree, path: Path): Spot {
  let tree: YamlTree = root;
  let offset = root.offset;
  for (const [depth, step] of path.entries()) {
    const child = childOf(tree, step);
    if (!child) return { tree: undefined, offset, path: [...tree.path, ...path.slice(depth)] };
    tree = child.value;
    offset = child.keyOffset;
  }
  return { tree, offset, path: tree.path };
}

function childOf(tree: YamlTree, step: string | number): MapEntry | undefined {
  if (tree.kind === "map") return tree.entries.get(String(step));
  const item = tree.kind === "list" ? tree.items[Number(step)] : undefined;
  return item && { keyOffset: item.offset, value: item };
}

/** `image.files[0].to`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}
