import { posix } from "node:path";

/**
 * Patterns of a `.dockerignore`, as Docker reads them (docs.docker.com, "Build context", ".dockerignore files"; it
 * behaves like github.com/moby/patternmatcher, which Docker, BuildKit and Podman share). It differs from that of a
 * `.gitignore`: a pattern counts from the project's folder at whatever depth, and an exception can bring back files
 * below an excluded folder.
 */
export interface IgnorePattern {
  /** Begins with `!`: brings back files that earlier patterns excluded. */
  readonly exception: boolean;
  /** What a path has to consist of, one after the other. */
  readonly parts: readonly Part[];
  /** The folders that the pattern names before its first wildcard: it matches nothing outside of them. */
  readonly within: string;
}

/** `*`, `**`, `**` with its slash, `?`; one character by its code, or one of a class. */
type Part = "star" | "any" | "folders" | "one" | number | RegExp;

/** The patterns of a file's lines with their line numbers, from 1; without comments and empty lines. */
export function ignoreLines(text: string): readonly { readonly line: number; readonly pattern: string }[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((pattern, index) => ({ line: index + 1, pattern }))
    .filter(({ pattern }) => !pattern.startsWith("#") && pattern.trim() !== "");
}

/** Undefined for an invalid pattern: a lone `!`, a bracket without its end, a backslash with nothing after it. */
export function parseIgnorePattern(written: string): IgnorePattern | undefined {
  const trimmed = written.trim();
  const exception = trimmed.startsWith("!");
  const text = (exception ? trimmed.slice(1) : trimmed).trim();
  if (text === "") return undefined;
  const path = cleanPath(text);
  const parts = suffixParts(path) ?? globParts(path);
  return parts === undefined ? undefined : { exception, parts, within: literalFolders(path) };
}

const slash = 0x2f;

/**
 * Whether one of the patterns matches the whole path. With one `**` and one `*` at most, a regular expression is as fast as any
 * way; with more it could try for years which of them takes what.
 */
export function matcherOf(patterns: readonly Pick<IgnorePattern, "parts">[]): (path: string) => boolean {
  const { simple = [], hard = [] } = Object.groupBy(patterns, ({ parts }) =>
    isSimple(parts) ? "simple" : "hard",
  );
  const regexp = new RegExp(
    `^(?:${simple.map(({ parts }) => parts.map(sourceOf).join("")).join("|")})$`,
    "su",
  );
  return (path) => (simple.length > 0 && regexp.test(path)) || hard.some(({ parts }) => follow(parts, path));
}

function isSimple(parts: readonly Part[]): boolean {
  const stars = parts.filter((part) => part === "star").length;
  return stars <= 1 && parts.filter((part) => part === "any" || part === "folders").length <= 1;
}

const sources = { star: "[^/]*", any: ".*", folders: "(?:.*/)?", one: "[^/]" } as const;

function sourceOf(part: Part): string {
  if (typeof part === "string") return sources[part];
  return typeof part === "number" ? `\\u{${part.toString(16)}}` : part.source;
}

/** All ways to read the pattern at once: the time is at most its length times that of the path. */
function follow(parts: readonly Part[], path: string): boolean {
  let here = enter(parts, [], 0);
  let next: number[] = [];
  for (let at = 0; at < path.length && here.length > 0; ) {
    const code = path.codePointAt(at) ?? 0;
    at += code > 0xffff ? 2 : 1;
    for (const i of here) step(parts, next, i, code);
    [here, next] = [next, here];
    next.length = 0;
  }
  return here.at(-1) === parts.length;
}

/** Adds a place, and those after it as long as nothing needs to be matched; `into` is ascending. */
function enter(parts: readonly Part[], into: number[], from: number): number[] {
  for (let i = from; i <= parts.length; i += 1) {
    if (i > (into.at(-1) ?? -1)) into.push(i);
    const part = parts[i];
    if (part !== "star" && part !== "any" && part !== "folders") break;
  }
  return into;
}

function step(parts: readonly Part[], next: number[], i: number, code: number): void {
  const part = parts[i];
  if (part === "folders") {
    if (i > (next.at(-1) ?? -1)) next.push(i);
    if (code === slash) enter(parts, next, i + 1);
  } else if (part === "any" || (part === "star" && code !== slash)) enter(parts, next, i);
  else if (part === code || (part === "one" && code !== slash)) enter(parts, next, i + 1);
  else if (part instanceof RegExp && part.test(String.fromCodePoint(code))) enter(parts, next, i + 1);
}

/** As `path.Clean` of Go, and relative: `/a//b/../c/` is `a/c`. */
function cleanPath(text: string): string {
  const clean = posix.normalize(text).replace(/(?<=.)\/$/, "");
  return clean.length > 1 ? clean.replace(/^\//, "") : clean;
}

function literalFolders(path: string): string {
  const parts = path.split("/");
  const wild = parts.findIndex((part) => /[*?[\\]/.test(part));
  return parts.slice(0, wild < 0 ? parts.length : wild).join("/");
}

/** `**` and plain text after it match everything that ends with that text: `**file` matches `a/my-file`, `**` and `/file` match `file`. */
function suffixParts(path: string): readonly Part[] | undefined {
  const rest = path.startsWith("**") ? path.slice(2) : undefined;
  if (rest === undefined || /[*?[\\]/.test(rest)) return undefined;
  return rest.startsWith("/") ? ["folders", ...codesOf(rest.slice(1))] : ["any", ...codesOf(rest)];
}

function codesOf(text: string): readonly number[] {
  return [...text].map((character) => character.codePointAt(0) ?? 0);
}

function globParts(path: string): readonly Part[] | undefined {
  const parts: Part[] = [];
  for (let rest = path; rest !== ""; ) {
    const [taken, part] = nextPart(rest) ?? [];
    if (taken === undefined || part === undefined) return undefined;
    if (part !== "folders" || parts.at(-1) !== part) parts.push(part); // `**/**/` is `**/`
    rest = rest.slice(taken);
  }
  return parts;
}

/** How many characters the pattern's next part has, and what it is. */
function nextPart(rest: string): readonly [taken: number, part: Part] | undefined {
  const folders = /^\*\*\/?/.exec(rest)?.[0];
  if (folders === rest) return [folders.length, "any"];
  if (folders !== undefined) return [folders.length, "folders"];
  if (rest.startsWith("*")) return [1, "star"];
  if (rest.startsWith("?")) return [1, "one"];
  if (rest.startsWith("[")) return characterClass(rest);
  const [, escaped = rest.startsWith("\\") ? undefined : ""] = /^\\(.)/su.exec(rest) ?? [];
  if (escaped === undefined) return undefined;
  const code = (escaped || rest).codePointAt(0) ?? 0;
  return [(code > 0xffff ? 2 : 1) + (escaped === "" ? 0 : 1), code];
}

/** One character in brackets, or a range of two; `]`, `-` and `\` only after a backslash (Go, `filepath.Match`). */
const member = String.raw`(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?`;
const brackets = new RegExp(String.raw`^\[(\^?)((?:${member})+)\]`, "su");

function characterClass(rest: string): readonly [number, RegExp] | undefined {
  const [whole, not, members] = brackets.exec(rest) ?? [];
  if (whole === undefined || members === undefined) return undefined;
  const ranges = members.matchAll(new RegExp(member, "gsu")).map(([range]) => ends(range));
  const source = `[${not}${ranges
    .map(([low, high]) => `${inClass(low)}-${inClass(high)}`)
    .toArray()
    .join("")}]`;
  const regexp = toRegExp(source);
  return regexp && [whole.length, regexp];
}

function ends(range: string): readonly [string, string] {
  const [low = "", high = low] = range
    .matchAll(/\\(.)|([^-])/gsu)
    .map(([, escaped, plain]) => escaped ?? plain ?? "");
  return [low, high];
}

function inClass(character: string): string {
  return /[\^\]\\[-]/.test(character) ? `\\${character}` : character;
}

/** Undefined for an invalid one, such as a range that ends before it begins. */
function toRegExp(source: string): RegExp | undefined {
  try {
    return new RegExp(source, "su");
  } catch {
    return undefined;
  }
}
