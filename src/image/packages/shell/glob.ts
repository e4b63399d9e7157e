/**
 * Patterns of the shell (POSIX.1-2017, XCU section 2.13). They are matched step by step and not through a regular expression: a package may
 * bring a pattern on which backtracking would take years.
 */
type Sign = { readonly kind: "any" } | { readonly kind: "one"; readonly fits: (sign: string) => boolean };

export function escapedPattern(text: string): string {
  return text.replace(/[*?[\]\\]/g, "\\$&");
}

export function matchesPattern(pattern: string, text: string): boolean {
  return matches(signsOf(pattern), text);
}

/** In time of at most the product of both lengths: only the last `*` is ever tried again. */
function matches(signs: readonly Sign[], text: string): boolean {
  let at = 0;
  let sign = 0;
  let again: { readonly sign: number; at: number } | undefined;
  while (at < text.length) {
    const expected = signs[sign];
    if (expected?.kind === "any") again = { sign: ++sign, at };
    else if (expected?.fits(text[at] ?? "")) {
      at++;
      sign++;
    } else if (again) {
      at = ++again.at;
      sign = again.sign;
    } else return false;
  }
  return signs.slice(sign).every(({ kind }) => kind === "any");
}

function signsOf(pattern: string): readonly Sign[] {
  const signs: Sign[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] ?? "";
    const set =
      sign === "["
        ? /^\[([!^]?)(\]?(?:\[:\w+:\]|[^\]])*)\]/.exec(pattern.slice(at, at + longestSet))
        : undefined;
    if (sign === "*") signs.push({ kind: "any" });
    else if (sign === "?") signs.push({ kind: "one", fits: () => true });
    else if (set) {
      const isIn = membership(set[2] ?? "");
      signs.push({ kind: "one", fits: (one) => isIn(one) !== (set[1] !== "") });
      at += set[0].length - 1;
    } else {
      const plain = sign === "\\" ? (pattern[++at] ?? sign) : sign;
      signs.push({ kind: "one", fits: (one) => one === plain });
    }
  }
  return signs;
}

const longestSet = 200;

const classes: ReadonlyMap<string, RegExp> = new Map([
  ["alnum", /[A-Za-z0-9]/],
  ["alpha", /[A-Za-z]/],
  ["blank", /[ \t]/],
  ["digit", /[0-9]/],
  ["lower", /[a-z]/],
  ["space", /\s/],
  ["upper", /[A-Z]/],
]);

/** Of a set between brackets: characters, ranges and classes. */
function membership(set: string): (sign: string) => boolean {
  const tests = [...set.matchAll(/\[:(\w+):\]|\\?(.)-\\?(.)|\\?(.)/gs)].map(([, name, from, to, one]) => {
    if (name !== undefined) return (sign: string) => classes.get(name)?.test(sign) ?? false;
    if (from !== undefined && to !== undefined) return (sign: string) => sign >= from && sign <= to;
    return (sign: string) => sign === one;
  });
  return (sign) => tests.some((test) => test(sign));
}

interface Folders {
  namesIn(path: string): readonly string[];
  exists(path: string): boolean;
}

/** The paths that an absolute pattern names; a `*` matches no dot at the beginning of a name. `found` is called for each that is looked at. */
export function pathsOf(pattern: string, folders: Folders, found: (path: string) => void): readonly string[] {
  let paths = [""];
  for (const part of pattern.split(/\/+/).slice(1)) {
    const signs = signsOf(part);
    const isPlain = !/(^|[^\\])[*?[]/.test(part);
    paths = paths.flatMap((path) => {
      if (isPlain) return [`${path}/${part.replace(/\\(.)/gs, "$1")}`];
      const names = folders.namesIn(path || "/");
      const fitting = names.filter(
        (name) => (part.startsWith(".") || !name.startsWith(".")) && matches(signs, name),
      );
      for (const name of fitting) found(name);
      return fitting.map((name) => `${path}/${name}`);
    });
  }
  return paths.filter((path) => folders.exists(path)).sort();
}
