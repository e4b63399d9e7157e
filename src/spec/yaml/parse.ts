import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { SpecFinding } from "../rules/findings.ts";
import { findControl } from "./control-characters.ts";
import type { MapEntry, MapTree, Path, YamlTree } from "./tree.ts";
import { yamlFindings } from "./yaml-words.ts";

export interface ParsedFile {
  /** One per service, without documents that have syntax errors. */
  readonly documents: readonly MapTree[];
  readonly findings: readonly SpecFinding[];
}

/** What a document has to be. */
interface Expected {
  readonly keys: string;
  readonly example: string;
  /** For one that is empty. */
  readonly hint: string;
}

const aService: Expected = {
  keys: "a mapping with the keys of one service",
  example: "service: NAME",
  hint: "`kiln init` writes a first one. A `---` begins a new document: remove a `---` with nothing after it.",
};

const deepest = 32;
/** Of words, marks and line ends; a thousand services of twenty lines have about half of it. What follows grows faster than the text. */
const mostLexemes = 200_000;

/**
 * Reads YAML 1.2 (core schema) and refuses what a spec does not need: anchors and aliases, merge keys, tags,
 * directives, keys that are not plain words, duplicate keys, control characters, deep nesting. Never throws.
 */
export function parseYaml(text: string, expected: Expected = aService): ParsedFile {
  const control = findControl(text, { carriageReturn: true });
  if (control) return { documents: [], findings: [controlFinding(control.at, control.name, "The file")] };
  const lines = new LineCounter();
  const findings: SpecFinding[] = [];
  const documents: MapTree[] = [];
  if (isTooLong(text)) return { documents: [], findings: [{ offset: 0, ...tooLong }] };
  let seen = 0;
  for (const document of compose(text, lines, findings)) {
    seen += 1;
    if (document.errors.length > 0) {
      findings.push(...yamlFindings(document.errors, (offset) => lines.linePos(offset).line));
      continue;
    }
    const root = readRoot(document, findings, expected);
    if (root) documents.push(root);
  }
  if (seen === 0) findings.push({ offset: 0, ...emptyWords("The file is empty", expected) });
  return { documents, findings };
}

const tooLong = {
  message: `The file has more than ${mostLexemes} words and marks; expected fewer.`,
  hint: "Split it: a file may hold one service, and Kiln reads one file at a time.",
};

function isTooLong(text: string): boolean {
  let count = 0;
  for (const _ of new Lexer().lex(text)) if (++count > mostLexemes) return true;
  return false;
}

function* compose(text: string, lines: LineCounter, findings: SpecFinding[]): Generator<Document.Parsed> {
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false, // the parser's own check takes quadratic time
    prettyErrors: false,
    logLevel: "silent",
  });
  for (const token of new Parser(lines.addNewLine).parse(text)) {
    if (token.type === "directive" && !/^%YAML\s+1\.2\s*$/.test(token.source))
      findings.push(directiveFinding(token.offset));
    yield* composer.next(token);
  }
  yield* composer.end();
}

function readRoot(
  document: Document.Parsed,
  findings: SpecFinding[],
  expected: Expected,
): MapTree | undefined {
  const { contents } = document;
  const offset = contents?.range[0] ?? document.range[0];
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    findings.push({ offset, ...emptyWords("The document is empty", expected) });
    return undefined;
  }
  const tree = read(contents, [], findings);
  if (tree.kind === "map") return tree;
  if (tree.kind !== "broken") {
    findings.push({
      offset,
      message: `The document is ${tree.kind === "list" ? "a list" : "a single value"}; expected ${expected.keys}.`,
      hint: `Begin with \`${expected.example}\`, and put a space after each colon.`,
    });
  }
  return undefined;
}

function emptyWords(what: string, { keys, hint }: Expected): Omit<SpecFinding, "offset"> {
  return { message: `${what}; expected ${keys}.`, hint };
}

function read(node: ParsedNode | Node, path: Path, findings: SpecFinding[]): YamlTree {
  const offset = node.range?.[0] ?? 0;
  const refused = refusal(node, path, offset);
  if (refused) findings.push(refused);
  if (path.length > deepest || isAlias(node)) return { kind: "broken", offset, path };
  if (isMap(node)) return { kind: "map", offset, path, entries: readEntries(node, path, findings) };
  if (isSeq(node)) {
    const items = node.items.map((item, index) => read(item as Node, [...path, index], findings));
    return { kind: "list", offset, path, items };
  }
  return isScalar(node) ? readScalar(node, offset, path, findings) : { kind: "broken", offset, path };
}

function readScalar(node: Scalar, offset: number, path: Path, findings: SpecFinding[]): YamlTree {
  const { value } = node;
  const text = typeof value === "string" ? value : (node.source ?? "");
  const control = findControl(text, { carriageReturn: false });
  if (control) findings.push(controlFinding(offset, control.name, "The value"));
  const plain =
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null;
  if (control || !plain) return { kind: "broken", offset, path };
  return { kind: "scalar", offset, path, value, text };
}

function readEntries(map: YAMLMap, path: Path, findings: SpecFinding[]): ReadonlyMap<string, MapEntry> {
  const entries = new Map<string, MapEntry>();
  for (const pair of map.items as Pair<Node, Node | null>[]) {
    const keyOffset = pair.key.range?.[0] ?? 0;
    const key = readKey(pair.key, keyOffset, entries, findings);
    if (key === undefined) continue;
    const below = [...path, key];
    const value: YamlTree = pair.value
      ? read(pair.value, below, findings)
      : { kind: "scalar", offset: keyOffset, path: below, value: null, text: "" };
    entries.set(key, { keyOffset, value });
  }
  return entries;
}

function readKey(
  node: Node,
  offset: number,
  taken: ReadonlyMap<string, MapEntry>,
  findings: SpecFinding[],
): string | undefined {
  const refuse = (message: string, hint?: string) => void findings.push({ offset, message, hint });
  const refused = refusal(node, [], offset);
  if (refused) findings.push(refused);
  if (!isScalar(node))
    return refused ? undefined : refuse("Found a list or a mapping as a key; expected a word.");
  const key = typeof node.value === "string" ? node.value : (node.source ?? "");
  if (key === "") return refuse("Found an empty key; expected a word before the colon.");
  if (key === "<<") {
    return refuse(
      "Found a merge key `<<`, which kiln.yaml does not have; expected a plain key.",
      "Write all keys here, or use `environments`.",
    );
  }
  const control = findControl(key, { carriageReturn: false });
  if (control) return void findings.push(controlFinding(offset, control.name, "The key"));
  if (key === "__proto__")
    return refuse("`__proto__` is not a key that Kiln accepts; expected another word.");
  if (taken.has(key))
    return refuse(
      `The key \`${key}\` appears twice; expected it once.`,
      "Remove one of the two, or merge them.",
    );
  return key;
}

/** What is forbidden for nodes of every kind. */
function refusal(node: Node, path: Path, offset: number): SpecFinding | undefined {
  if (path.length > deepest) {
    return {
      offset,
      message: `The document is nested deeper than ${deepest} levels.`,
      hint: "No key of kiln.yaml needs more than six levels.",
    };
  }
  if (isAlias(node)) {
    return {
      offset,
      message: `Found the alias \`*${node.source}\`, which kiln.yaml does not have; expected the value itself.`,
      hint: "Write the value itself; to begin a text with a star, put the text in quotes.",
    };
  }
  if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor !== undefined) {
    return {
      offset,
      message: `Found the anchor \`&${node.anchor}\`, which kiln.yaml does not have; expected a plain value.`,
      hint: "Write the value itself wherever it is needed.",
    };
  }
  if (node.tag === undefined) return undefined;
  return {
    offset,
    message: `Found the tag \`${node.tag.replace("tag:yaml.org,2002:", "!!")}\`, which kiln.yaml does not have; expected a plain value.`,
    hint: "Remove it; put a value in quotes to make it text.",
  };
}

function directiveFinding(offset: number): SpecFinding {
  return {
    offset,
    message: "Found a YAML directive (a line beginning with %), which kiln.yaml does not have.",
    hint: "Remove the line.",
  };
}

function controlFinding(offset: number, name: string, what: string): SpecFinding {
  return {
    offset,
    message: `${what} contains the control character ${name}; expected printable text.`,
    hint: "Remove the character. Binary content belongs in a file that `image.files` names.",
  };
}
