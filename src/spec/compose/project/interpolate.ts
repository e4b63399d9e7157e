export interface Interpolated {
  readonly text: string;
  /** Variables without a value and without a default. */
  readonly unset: readonly string[];
  /** Variables whose values are not written: the text names them instead, as `${NAME}`. */
  readonly kept: readonly string[];
}

/** Where values come from. */
export interface Variables {
  get(name: string): string | undefined;
  /** Whether the value may not be written. Absent: every value may. */
  isSecret?(name: string, value: string): boolean;
}

/** `$$`, `$NAME`, `${NAME}`, and `${NAME` with one of `:-`, `-`, `:?`, `?`, `:+`, `+` and a word. */
const pattern =
  /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}$]|\$\{[^{}]*\}|\$(?!\{))*))?\})/g;

/** Compose specification, "Interpolation". A default may name variables itself. */
export function interpolate(text: string, variables: Variables): Interpolated {
  const unset: string[] = [];
  const kept: string[] = [];
  const replaced = text.replace(pattern, (all, plain?: string, braced?: string, operator = "", word = "") => {
    if (all === "$$") return "$";
    const name = plain ?? braced ?? "";
    const value = variables.get(name);
    const isSet = value !== undefined && !(operator.startsWith(":") && value === "");
    const inner = () => {
      const other = interpolate(word, variables);
      unset.push(...other.unset);
      kept.push(...other.kept);
      return other.text;
    };
    if (operator.endsWith("+")) return isSet ? inner() : "";
    if (isSet && variables.isSecret?.(name, value)) {
      kept.push(name);
      return reference(name);
    }
    if (isSet) return value;
    if (operator.endsWith("-")) return inner();
    unset.push(name);
    return "";
  });
  return { text: replaced, unset, kept };
}

/** How a text names a variable whose value it must not have. */
export function reference(name: string): string {
  return `\${${name}}`;
}
