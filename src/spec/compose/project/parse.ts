import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
} from "yaml";
import type { SpecFinding } from "../../rules/findings.ts";
import type { MapEntry, MapTree, Path, YamlTree } from "../../yaml/tree.ts";
import { yamlFindings } from "../../yaml/yaml-words.ts";
import { isSecret } from "./environment.ts";
import { type Interpolated, interpolate } from "./interpolate.ts";

export interface ParsedCompose {
  /** Undefined with an error that leaves nothing to read. */
  readonly root: MapTree | undefined;
  readonly errors: readonly SpecFinding[];
  /** Variables that have no value; Compose takes the empty text. */
  readonly unset: readonly { readonly offset: number; readonly name: string }[];
}

const deepest = 32;
/** Of words and marks, and of values once aliases are written out. */
const most = 100_000;

/**
 * A Compose file as a tree with places. Unlike kiln.yaml, it may have anchors, aliases and merge keys, which are written out, and
 * variables, which are replaced (Compose specification, "Interpolation"): `variables` come from the `.env` file.
 */
export function parseCompose(
  text: string,
  variables: ReadonlyMap<string, string | undefined>,
): ParsedCompose {
  return new ForeignReader(text, noServices, (written) =>
    interpolate(written, { get: (name) => variables.get(name), isSecret }),
  ).read();
}

/** The same for files of other tools, which have no variables. `expected`: what is said where there is no mapping. */
export function parseForeign(
  text: string,
  expected: Omit<SpecFinding, "offset">,
  read: (written: string) => Interpolated,
): ParsedCompose {
  return new ForeignReader(text, expected, read).read();
}

class ForeignReader {
  readonly #text: string;
  readonly #expected: Omit<SpecFinding, "offset">;
  readonly #read: (written: string) => Interpolated;
  readonly #errors: SpecFinding[] = [];
  readonly #unset: { offset: number; name: string }[] = [];
  #count = 0;
  #document: Document | undefined;

  constructor(text: string, expected: Omit<SpecFinding, "offset">, read: (written: string) => Interpolated) {
    this.#text = text;
    this.#expected = expected;
    this.#read = read;
  }

  read(): ParsedCompose {
    return { root: this.#root(), errors: this.#errors, unset: this.#unset };
  }

  #root(): MapTree | undefined {
    let lexemes = 0;
    for (const _ of new Lexer().lex(this.#text)) if (++lexemes > most) return this.#refuse(0, tooLong);
    const lines = new LineCounter();
    const documents = parseAllDocuments(this.#text, {
      ...{ lineCounter: lines, prettyErrors: false, logLevel: "silent", merge: false, uniqueKeys: false },
    });
    const [document, second] = "empty" in documents ? [] : documents;
    if (second !== undefined) return this.#refuse(second.range?.[0] ?? 0, severalDocuments);
    if (document === undefined || document.contents === null) return this.#refuse(0, this.#expected);
    this.#errors.push(...yamlFindings(document.errors, (offset) => lines.linePos(offset).line));
    if (this.#errors.length > 0) return undefined;
    this.#document = document;
    const tree = this.#tree(document.contents as Node, []);
    if (tree.kind === "map") return tree;
    return tree.kind === "broken" ? undefined : this.#refuse(tree.offset, this.#expected);
  }

  #refuse(offset: number, words: Omit<SpecFinding, "offset">): undefined {
    this.#errors.push({ offset, ...words });
  }

  #tree(node: Node, path: Path): YamlTree {
    const offset = node.range?.[0] ?? 0;
    this.#count += 1;
    if (this.#count > most || path.length > deepest) {
      if (this.#errors.length === 0) this.#refuse(offset, this.#count > most ? tooLong : tooDeep);
      return { kind: "broken", offset, path };
    }
    if (isAlias(node)) {
      const meant = node.resolve(this.#document as Document);
      return meant === undefined ? { kind: "broken", offset, path } : this.#tree(meant, path);
    }
    if (isMap(node)) {
      const pairs = node.items as Pair<Node, Node | null>[];
      return { kind: "map", offset, path, entries: this.#entries(pairs, path) };
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.#tree(item as Node, [...path, index]));
      return { kind: "list", offset, path, items };
    }
    return isScalar(node)
      ? this.#scalar(node.value, node.source, offset, path)
      : { kind: "broken", offset, path };
  }

  #scalar(value: unknown, source: string | undefined, offset: number, path: Path): YamlTree {
    if (value === null) return { kind: "scalar", offset, path, value: null, text: "" };
    const written = typeof value === "string" ? value : (source ?? String(value));
    const { text, unset, kept } = this.#read(written);
    this.#unset.push(...unset.map((name) => ({ offset, name })));
    const secrets = kept.length === 0 ? {} : { secrets: kept };
    return { kind: "scalar", offset, path, value: text, text, ...secrets };
  }

  /** A key of the mapping itself wins over one of a merged mapping, and the first of several of these over the others. */
  #entries(pairs: readonly Pair<Node, Node | null>[], path: Path): ReadonlyMap<string, MapEntry> {
    const own = new Map<string, MapEntry>();
    const merged = new Map<string, MapEntry>();
    for (const { key, value } of pairs) {
      const keyOffset = key.range?.[0] ?? 0;
      const name = isScalar(key) ? String(key.value) : "";
      if (name === "<<" && value !== null) {
        for (const [below, entry] of this.#merged(value, path))
          if (!merged.has(below)) merged.set(below, entry);
      } else {
        if (own.has(name)) this.#refuse(keyOffset, twice(name));
        const below = [...path, name];
        const empty: YamlTree = { kind: "scalar", offset: keyOffset, path: below, value: null, text: "" };
        own.set(name, { keyOffset, value: value === null ? empty : this.#tree(value, below) });
      }
    }
    return new Map([...merged, ...own]);
  }

  #merged(value: Node, path: Path): readonly (readonly [string, MapEntry])[] {
    const tree = this.#tree(value, path);
    const maps = tree.kind === "list" ? tree.items : [tree];
    return maps.flatMap((map) => (map.kind === "map" ? [...map.entries] : []));
  }
}

const noServices = {
  message: "Found no mapping; expected a Compose file with `services`.",
  hint: "Name the Compose file: `kiln init --from docker-compose.yml`.",
};

const severalDocuments = {
  message: "Found a second YAML document; expected one, as Compose does.",
  hint: "Run `docker compose -f A -f B config > one.yml`, and name that file.",
};

function twice(key: string): Omit<SpecFinding, "offset"> {
  return {
    message: `The key \`${key}\` appears twice; expected it once.`,
    hint: "Remove one of the two, or merge them.",
  };
}

const tooLong = {
  message: `The file has more than ${most} words and values; expected fewer.`,
  hint: "Split it, and take over each part by itself.",
};

const tooDeep = {
  message: `The file is nested deeper than ${deepest} levels.`,
  hint: "Check its indentation: no key of Compose needs as many.",
};
