/** Another script begins with options of its own. */
const ofGetopts: ReadonlySet<string> = new Set(["OPTIND", "KILN_OPTION"]);

/** The variables and positional parameters of a shell (XCU section 2.5). */
export class ShellVariables {
  #values: Map<string, string>;
  /** `$1` and what follows. */
  positional: readonly string[];
  /** `$0` */
  #name = "postinst";
  /** What the function that runs made local, with the values from before. */
  #locals: Map<string, string | undefined> | undefined;

  constructor(values: ReadonlyMap<string, string>, positional: readonly string[]) {
    this.#values = new Map(values);
    this.positional = positional;
  }

  /** Of a variable, or of a parameter other than `$?`. */
  get(name: string): string | undefined {
    if (name === "#") return String(this.positional.length);
    if (name === "@" || name === "*") return this.positional.join(" ");
    if (name === "0") return this.#name;
    if (name === "$") return "1";
    if (/^[0-9]+$/.test(name)) return this.positional[Number(name) - 1];
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    this.#values.set(name, value);
  }

  unset(name: string): void {
    this.#values.delete(name);
  }

  /** What is set within `work` is not set after it. */
  apart<T>(work: () => T): T {
    const [values, positional, name] = [this.#values, this.positional, this.#name];
    this.#values = new Map(values);
    try {
      return work();
    } finally {
      this.#values = values;
      this.positional = positional;
      this.#name = name;
    }
  }

  /** From here on this is another script. Only within `apart`. */
  becomeScript(name: string, positional: readonly string[]): void {
    this.#name = name;
    this.positional = positional;
    for (const one of ofGetopts) this.#values.delete(one);
  }

  /** The variables have these values within `work`, and their present ones after it. */
  assigned<T>(given: readonly (readonly [string, string])[], work: () => T): T {
    const before = given.map(([name]) => [name, this.#values.get(name)] as const);
    for (const [name, value] of given) this.set(name, value);
    const result = work();
    this.#restore(before);
    return result;
  }

  /** A function, with parameters of its own and what it makes local. */
  ofFunction<T>(positional: readonly string[], work: () => T): T {
    const [outerPositional, outerLocals] = [this.positional, this.#locals];
    const locals = new Map<string, string | undefined>();
    this.#locals = locals;
    this.positional = positional;
    try {
      return work();
    } finally {
      this.#locals = outerLocals;
      this.#restore(locals);
      this.positional = outerPositional;
    }
  }

  /** The variable has its present value again when the function that runs ends. */
  keepLocal(name: string): void {
    if (this.#locals && !this.#locals.has(name)) this.#locals.set(name, this.#values.get(name));
  }

  #restore(values: Iterable<readonly [string, string | undefined]>): void {
    for (const [name, value] of values) {
      if (value === undefined) this.#values.delete(name);
      else this.#values.set(name, value);
    }
  }
}
