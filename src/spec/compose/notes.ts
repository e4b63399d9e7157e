import type { SpecFinding } from "../rules/findings.ts";
import { type MapEntry, pathText, type YamlTree } from "../yaml/tree.ts";
import { reference } from "./project/interpolate.ts";

/** Something of the Compose file that kiln.yaml does not have as it is written there. */
export interface Remark extends SpecFinding {
  readonly hint: string;
  /** Undefined: it is about the whole file. */
  readonly service: string | undefined;
}

/** What is found while a Compose file is read, with places. Readers of values report a wrong form, and return a value without it. */
export class Notes {
  /** Nothing is written when there is one. */
  readonly errors: SpecFinding[] = [];
  readonly remarks: Remark[] = [];
  readonly #service: string | undefined;

  constructor(service?: string) {
    this.#service = service;
  }

  remark({ offset }: Pick<YamlTree, "offset">, message: string, hint: string): void {
    this.remarks.push({ offset, message, hint, service: this.#service });
  }

  error({ offset }: Pick<YamlTree, "offset">, message: string, hint?: string): void {
    this.errors.push({ offset, message, hint });
  }

  entries(tree: YamlTree | undefined, expected = "a mapping"): ReadonlyMap<string, MapEntry> {
    if (tree?.kind === "map") return tree.entries;
    if (tree !== undefined && !isNothing(tree)) this.#wrong(tree, expected);
    return new Map();
  }

  items(tree: YamlTree | undefined, expected = "a list"): readonly YamlTree[] {
    if (tree?.kind === "list") return tree.items;
    if (tree !== undefined && !isNothing(tree)) this.#wrong(tree, expected);
    return [];
  }

  /** Undefined for an empty value. */
  text(tree: YamlTree | undefined, expected = "a single value"): string | undefined {
    if (tree?.kind === "scalar") for (const name of tree.secrets ?? []) this.#leftOut(tree, name);
    return this.#text(tree, expected);
  }

  #text(tree: YamlTree | undefined, expected = "a single value"): string | undefined {
    if (tree === undefined || isNothing(tree)) return undefined;
    if (tree.kind === "scalar") return tree.text;
    this.#wrong(tree, expected);
    return undefined;
  }

  #leftOut(tree: YamlTree, name: string): void {
    this.remark(
      tree,
      `${name} looks like a secret, and kiln.yaml holds none: ${reference(name)} stands for its value.`,
      `Let the program read it from a file or a variable of \`servers.secrets\`, for example by \`sh -c 'exec PROGRAM --option "$${name}"'\`.`,
    );
  }

  isTrue(tree: YamlTree | undefined): boolean {
    const text = this.text(tree, "true or false");
    if (tree !== undefined && text !== undefined && !/^(true|false|yes|no)$/i.test(text))
      this.#wrong(tree, "true or false");
    return /^(true|yes)$/i.test(text ?? "");
  }

  /** One text, or a list of texts. */
  texts(tree: YamlTree | undefined): readonly YamlTree[] {
    return tree?.kind === "list" ? tree.items : tree === undefined || isNothing(tree) ? [] : [tree];
  }

  /** `[NAME=value]` or `{NAME: value}`. A name alone has no value. */
  pairs(tree: YamlTree | undefined): readonly { name: string; value: string | undefined; at: YamlTree }[] {
    if (tree?.kind !== "list")
      return [...this.entries(tree, "a mapping, or a list of NAME=value")].map(([name, { value }]) => ({
        ...{ name, value: this.#text(value), at: value },
      }));
    return tree.items.map((item) => {
      const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(this.#text(item) ?? "") ?? [];
      return { name, value, at: item };
    });
  }

  #wrong(tree: YamlTree, expected: string): void {
    if (tree.kind === "broken") return;
    const found = { map: "a mapping", list: "a list", scalar: "a single value" }[tree.kind];
    this.error(tree, `\`${pathText(tree.path)}\` is ${found}; expected ${expected}.`);
  }
}

function isNothing(tree: YamlTree): boolean {
  return tree.kind === "broken" || (tree.kind === "scalar" && tree.value === null);
}
