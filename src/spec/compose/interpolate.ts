export interface Interpolated {
  readonly text: string;
  /** Variables without a value and without a default. */
  readonly unset: readonly string[];
}

/** `$$`, `$NAME`, `${NAME}`, and `${NAME` with one of `:-`, `-`, `:?`, `?`, `:+`, `+` and a word. */
const pattern =
  /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}$]|\$\{[^{}]*\}|\$(?!\{))*))?\})/g;

/** Compose specification, "Interpolation". A default may name variables itself. */
export function interpolate(text: string, variables: ReadonlyMap<string, string>): Interpolated {
  const unset: string[] = [];
  const replaced = text.replace(pattern, (all, plain?: string, braced?: string, operator = "", word = "") => {
    if (all === "$$") return "$";
    const name = plain ?? braced ?? "";
    const value = variables.get(name);
    const isSet = value !== undefined && !(operator.startsWith(":") && value === "");
    const inner = () => {
      const other = interpolate(word, variables);
      unset.push(...other.unset);
      return other.text;
    };
    if (operator.endsWith("+")) return isSet ? inner() : "";
    if (isSet) return value;
    if (operator.endsWith("-")) return inner();
    unset.push(name);
    return "";
  });
  return { text: replaced, unset };
}

/** The variables of a `.env` file, or one that `env_file` names: `NAME=value`, with `#` comments, quotes, and `export` as shells have it. */
export function parseEnvFile(text: string): ReadonlyMap<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, equals, rest = ""] =
      /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:(=)(.*))?$/.exec(line) ?? [];
    if (name === undefined) continue;
    found.set(name, equals === undefined ? undefined : envValue(rest.trim()));
  }
  return found;
}

function envValue(text: string): string {
  const quoted = /^(["'])(.*)\1(\s+#.*)?$/.exec(text);
  if (quoted === null) return text.replace(/(^|\s+)#.*$/, "");
  const [, quote, inner = ""] = quoted;
  return quote === "'" ? inner : inner.replace(/\\([n"\\$])/g, (_, c) => (c === "n" ? "\n" : c));
}
