import type { Finding } from "../rules/findings.ts";
import { type MapEntry, pathText, type Tree } from "../yaml/tree.ts";
import { reference } from "./interpolate.ts";

/** Something of the Compose file that kiln.yaml does not have as it is written there. */
export interface Remark extends Finding {
  readonly hint: string;
  /** Undefined: it is about the whole file. */
  readonly service: string | undefined;
}

/** What is found while a Compose file is read, with places. Readers of values report a wrong form, and return a value without it. */
export class Notes {
  /** Nothing is written when there is one. */
  readonly errors: Finding[] = [];
  readonly remarks: Remark[] = [];
  readonly #service: string | undefined;

  constructor(service?: string) {
    this.#service = service;
  }

  remark({ offset }: Pick<Tree, "offset">, message: string, hint: string): void {
    this.remarks.push({ offset, message, hint, service: this.#service });
  }

  error({ offset }: Pick<Tree, "offset">, message: string, hint?: string): void {
    this.errors.push({ offset, message, hint });
  }

  entries(tree: Tree | undefined, expected = "a mapping"): ReadonlyMap<string, MapEntry> {
    if (tree?.kind === "map") return tree.entries;
    if (tree !== undefined && !isNothing(tree)) this.#wrong(tree, expected);
    return new Map();
  }

  items(tree: Tree | undefined, expected = "a list"): readonly Tree[] {
    if (tree?.kind === "list") return tree.items;
    if (tree !== undefined && !isNothing(tree)) this.#wrong(tree, expected);
    return [];
  }

  /** Undefined for an empty value. */
  text(tree: Tree | undefined, expected = "a single value"): string | undefined {
    if (tree?.kind === "scalar") for (const name of tree.secrets ?? []) this.#leftOut(tree, name);
    return this.#text(tree, expected);
  }

  #text(tree: Tree | undefined, expected = "a single value"): string | undefined {
    if (tree === undefined || isNothing(tree)) return undefined;
    if (tree.kind === "scalar") return tree.text;
    this.#wrong(tree, expected);
    return undefined;
  }

  #leftOut(tree: Tree, name: string): void {
    this.remark(
      tree,
      `${name} looks like a secret, and kiln.yaml holds none: ${reference(name)} stands for its value.`,
      `Let the program read it from a file or a variable of \`servers.secrets\`, for example by \`sh -c 'exec PROGRAM --option "$${name}"'\`.`,
    );
  }

  isTrue(tree: Tree | undefined): boolean {
    const text = this.text(tree, "true or false");
    if (tree !== undefined && text !== undefined && !/^(true|false|yes|no)$/i.test(text))
      this.#wrong(tree, "true or false");
    return /^(true|yes)$/i.test(text ?? "");
  }

  /** One text, or a list of texts. */
  texts(tree: Tree | undefined): readonly Tree[] {
    return tree?.kind === "list" ? tree.items : tree === undefined || isNothing(tree) ? [] : [tree];
  }

  /** `[NAME=value]` or `{NAME: value}`. A name alone has no value. */
  pairs(tree: Tree | undefined): readonly { name: string; value: string | undefined; at: Tree }[] {
    if (tree?.kind !== "list")
      return [...this.entries(tree, "a mapping, or a list of NAME=value")].map(([name, { value }]) => ({
        ...{ name, value: this.#text(value), at: value },
      }));
    return tree.items.map((item) => {
      const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(this.#text(item) ?? "") ?? [];
      return { name, value, at: item };
    });
  }

  #wrong(tree: Tree, expected: string): void {
    if (tree.kind === "broken") return;
    const found = { map: "a mapping", list: "a list", scalar: "a single value" }[tree.kind];
    this.error(tree, `\`${pathText(tree.path)}\` is ${found}; expected ${expected}.`);
  }
}

function isNothing(tree: Tree): boolean {
  return tree.kind === "broken" || (tree.kind === "scalar" && tree.value === null);
}
