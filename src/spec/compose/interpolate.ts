export interface Interpolated {
  readonly text: string;
  /** Variables without a value and without a default. */
  readonly unset: readonly string[];
}

/** `$$`, `$NAME`, `${NAME}`, and `${NAME` with one of `:-`, `-`, `:?`, `?`, `:+`, `+` and a word. */
const pattern =
  /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}$]|\$\{[^{}]*\}|\$(?!\{))*))?\})/g;

/** Compose specification, "Interpolation". A default may name variables itself. */
export function interpolate(text: string, variables: ReadonlyMap<string, string | undefined>): Interpolated {
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
