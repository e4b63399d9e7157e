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
  /** A regular expression (flags `s` and `u`) for the whole path. */
  readonly source: string;
  /** The folders that the pattern names before its first wildcard: it matches nothing outside of them. */
  readonly within: string;
}

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
  const source = suffixSource(path) ?? globSource(path);
  return source === undefined ? undefined : { exception, source, within: literalFolders(path) };
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
function suffixSource(path: string): string | undefined {
  const rest = path.startsWith("**") ? path.slice(2) : undefined;
  if (rest === undefined || /[*?[\\]/.test(rest)) return undefined;
  return rest.startsWith("/") ? `(?:.*/)?${literal(rest.slice(1))}` : `.*${literal(rest)}`;
}

function globSource(path: string): string | undefined {
  let source = "";
  for (let rest = path; rest !== ""; ) {
    const [taken, made] = nextPart(rest) ?? [];
    if (taken === undefined) return undefined;
    source += made;
    rest = rest.slice(taken);
  }
  return source;
}

/** How many characters the pattern's next part has, and its regular expression. */
function nextPart(rest: string): readonly [taken: number, source: string] | undefined {
  const folders = /^\*\*\/?/.exec(rest)?.[0];
  if (folders === rest) return [folders.length, ".*"];
  if (folders !== undefined) return [folders.length, "(?:.*/)?"];
  if (rest.startsWith("*")) return [1, "[^/]*"];
  if (rest.startsWith("?")) return [1, "[^/]"];
  if (rest.startsWith("[")) return characterClass(rest);
  const [, escaped = rest.startsWith("\\") ? undefined : ""] = /^\\(.)/su.exec(rest) ?? [];
  if (escaped === undefined) return undefined;
  const character = escaped || String.fromCodePoint(rest.codePointAt(0) ?? 0);
  return [character.length + (escaped === "" ? 0 : 1), literal(character)];
}

/** One character in brackets, or a range of two; `]`, `-` and `\` only after a backslash (Go, `filepath.Match`). */
const member = String.raw`(?:\\.|[^\]\\-])(?:-(?:\\.|[^\]\\-]))?`;
const brackets = new RegExp(String.raw`^\[(\^?)((?:${member})+)\]`, "su");

function characterClass(rest: string): readonly [number, string] | undefined {
  const [whole, not, members] = brackets.exec(rest) ?? [];
  if (whole === undefined || members === undefined) return undefined;
  const ranges = members.matchAll(new RegExp(member, "gsu")).map(([range]) => ends(range));
  const source = `[${not}${ranges
    .map(([low, high]) => `${inClass(low)}-${inClass(high)}`)
    .toArray()
    .join("")}]`;
  return isRegExp(source) ? [whole.length, source] : undefined;
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

/** False for an invalid one, such as a range that ends before it begins. */
function isRegExp(source: string): boolean {
  try {
    return new RegExp(source, "su").source !== "";
  } catch {
    return false;
  }
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
