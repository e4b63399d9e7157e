/** Part of every layer's cache key: raise it when the same packages would give another tree. */
export const recipeVersion = 5;

/** A path that a maintainer script would create or change. Owners are `user:group`; `to` and `from` are paths in the image. */
export type PathRecipe =
  /** A folder; an existing one gets this mode and owner. */
  | { readonly kind: "folder"; readonly path: string; readonly mode?: number; readonly owner?: string }
  /** A file with this text, unless there is one. */
  | {
      readonly kind: "file";
      readonly path: string;
      readonly text: string;
      readonly mode?: number;
      readonly owner?: string;
    }
  /** A copy of a file of the image, unless there is one. */
  | {
      readonly kind: "copy";
      readonly path: string;
      readonly from: string;
      readonly mode?: number;
      readonly owner?: string;
    }
  /** A symlink, unless the path exists. */
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  /** In the folder `path`, a symlink to every matching path, unless the name exists. */
  | { readonly kind: "link-each"; readonly path: string; readonly pattern: RegExp }
  /** Mode and owner of a file, where it exists. */
  | { readonly kind: "owner"; readonly path: string; readonly mode: number; readonly owner: string };

/** A system user that a maintainer script would create with adduser(8), with its own group. */
export interface UserRecipe {
  readonly name: string;
  readonly home: string;
  /** A group with a name other than the user's. */
  readonly group?: string;
}

/** The replacement for the maintainer scripts of some packages. */
export interface Recipe {
  /** Names; `*` stands for a version, e.g. `python3.*-minimal`. */
  readonly packages: readonly string[];
  /** What the scripts do on a first installation, and why this recipe replaces them. */
  readonly why: string;
  readonly users?: readonly UserRecipe[];
  readonly paths?: readonly PathRecipe[];
}

/** The recipe for a package, if there is one. The first that fits counts. */
export function findRecipe(recipes: readonly Recipe[], name: string): Recipe | undefined {
  return recipes.find((recipe) => recipe.packages.some((pattern) => matches(pattern, name)));
}

function matches(pattern: string, name: string): boolean {
  const [before = "", after] = pattern.split("*");
  if (after === undefined) return pattern === name;
  const version = name.slice(before.length, name.length - after.length);
  return name.startsWith(before) && name.endsWith(after) && /^[0-9]+(\.[0-9]+)*$/.test(version);
}
