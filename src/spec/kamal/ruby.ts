/** A Kamal file is an ERB template: https://kamal-deploy.org/docs/configuration/overview/. Kiln runs no Ruby. */
export interface Template {
  /** As long as the file, so that places stay: a name in place of each expression, blanks in place of each statement. */
  readonly text: string;
  /** Ruby expressions, by the name that stands for them. */
  readonly expressions: ReadonlyMap<string, string>;
}

export function withoutRuby(file: string): Template {
  const expressions = new Map<string, string>();
  const text = file.replace(/<%(=?)((?:(?!<%)[\s\S])*?)-?%>/g, (whole, equals: string, code: string) => {
    if (equals === "") return whole.replace(/[^\n]/g, " ");
    const name = `Ruby${expressions.size}`.padEnd(whole.length, "_").slice(0, whole.length);
    expressions.set(name, code.trim());
    return name;
  });
  return { text, expressions };
}

/** What the text says without Ruby: a default is its value. `unknown`: expressions that only Ruby knows the value of. */
export function readRuby(
  text: string,
  { expressions }: Template,
): { readonly text: string; readonly unknown: readonly string[] } {
  const unknown: string[] = [];
  const read = text.replace(/Ruby\d+_*/g, (name) => {
    const code = expressions.get(name);
    if (code === undefined) return name;
    const value = knownValue(code);
    if (value === undefined) unknown.push(code);
    return value ?? "";
  });
  return { text: read, unknown };
}

/** `"text"`, `ENV["NAME"] || "text"` and `ENV.fetch("NAME", "text")`. */
function knownValue(code: string): string | undefined {
  const quoted = /^(?:ENV\[[^\]]+\]\s*\|\||ENV\.fetch\([^,]+,)?\s*(?:"([^"#]*)"|'([^']*)'|(\d+))\s*\)?$/.exec(
    code,
  );
  return quoted?.[1] ?? quoted?.[2] ?? quoted?.[3];
}
