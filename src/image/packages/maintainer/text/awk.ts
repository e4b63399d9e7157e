import { NotUnderstood } from "../../shell/syntax.ts";
import { type AwkExpression, type AwkStatement, parseAwk } from "./awk-program.ts";

type Value = string | number;

/** Ends the program, or the work on a record. */
class Leave extends Error {
  override readonly name = "Leave";
  readonly status: number | undefined;
  constructor(status?: number) {
    super("leave");
    this.status = status;
  }
}

/** What awk(1) writes, and its exit status; `variables` have values before it begins (`-v`). Throws `NotUnderstood` for what is not in `AwkExpression`. */
export function awk(
  text: string,
  program: string,
  variables: ReadonlyMap<string, string>,
): { readonly output: string; readonly status: number } {
  const run = new Run(variables);
  const status = run.all(parseAwk(program), text);
  return { output: run.output.join(""), status };
}

class Run {
  readonly output: string[] = [];
  readonly #variables: Map<string, Value>;
  #record = "";
  #fields: readonly string[] = [];

  constructor(variables: ReadonlyMap<string, string>) {
    this.#variables = new Map<string, Value>([
      ["FS", " "],
      ["OFS", " "],
      ["ORS", "\n"],
      ["NR", 0],
      ...variables,
    ]);
  }

  all(rules: ReturnType<typeof parseAwk>, text: string): number {
    const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
    let status = 0;
    try {
      for (const rule of rules) if (rule.when === "BEGIN") this.#block(rule.body);
      for (const line of lines) this.#line(rules, line);
    } catch (thrown) {
      status = statusOf(thrown);
    }
    try {
      for (const rule of rules) if (rule.when === "END") this.#block(rule.body);
    } catch (thrown) {
      status = statusOf(thrown);
    }
    return status;
  }

  #line(rules: ReturnType<typeof parseAwk>, line: string): void {
    this.#variables.set("NR", number(this.#variables.get("NR") ?? 0) + 1);
    this.#setRecord(line);
    try {
      for (const { when, body } of rules) {
        if (when === "BEGIN" || when === "END") continue;
        if (when === undefined || isTrue(this.#value(when))) this.#block(body);
      }
    } catch (thrown) {
      if (!(thrown instanceof Leave) || thrown.status !== undefined) throw thrown;
    }
  }

  #setRecord(line: string): void {
    const separator = text(this.#variables.get("FS") ?? " ");
    this.#record = line;
    if (line === "") this.#fields = [];
    else if (separator === " ") this.#fields = line.trim().split(/[ \t\n]+/);
    else if (separator.length === 1) this.#fields = line.split(separator);
    else fail();
  }

  #block(body: readonly AwkStatement[] | undefined): void {
    for (const one of body ?? [{ kind: "print", values: [] } as const]) this.#do(one);
  }

  #do(statement: AwkStatement): void {
    switch (statement.kind) {
      case "print": {
        const values = statement.values.map((one) => text(this.#value(one)));
        const [separator, end] = ["OFS", "ORS"].map((name) => text(this.#variables.get(name) ?? ""));
        this.output.push(`${values.length === 0 ? this.#record : values.join(separator)}${end}`);
        return;
      }
      case "if":
        this.#block(isTrue(this.#value(statement.condition)) ? statement.then : statement.otherwise);
        return;
      case "next":
        throw new Leave();
      case "exit":
        throw new Leave(statement.status ? number(this.#value(statement.status)) : 0);
      case "expression":
        this.#value(statement.value);
    }
  }

  #value(given: AwkExpression): Value {
    switch (given.kind) {
      case "literal":
        return given.value;
      case "match":
        return Number(given.pattern.test(given.of ? text(this.#value(given.of)) : this.#record));
      case "variable":
        return given.name === "NF" ? this.#fields.length : (this.#variables.get(given.name) ?? "");
      case "field": {
        const index = number(this.#value(given.index));
        return index === 0 ? this.#record : (this.#fields[index - 1] ?? "");
      }
      case "assign": {
        const value = this.#value(given.value);
        this.#variables.set(given.name, value);
        return value;
      }
      case "not":
        return Number(!isTrue(this.#value(given.value)));
      case "binary":
        return this.#binary(given);
      case "call": {
        const [first = ""] = given.values.map((one) => text(this.#value(one)));
        if (given.name === "length") return (given.values.length === 0 ? this.#record : first).length;
        if (given.name === "tolower") return first.toLowerCase();
        return given.name === "toupper" ? first.toUpperCase() : fail();
      }
    }
  }

  #binary({ operator, left, right }: Extract<AwkExpression, { kind: "binary" }>): Value {
    const a = this.#value(left);
    if (operator === "&&") return Number(isTrue(a) && isTrue(this.#value(right)));
    if (operator === "||") return Number(isTrue(a) || isTrue(this.#value(right)));
    const b = this.#value(right);
    if (operator === " ") return text(a) + text(b);
    const [x, y] = [number(a), number(b)];
    if (operator === "+") return x + y;
    if (operator === "-") return x - y;
    if (operator === "*") return x * y;
    const isNumeric = looksNumeric(a) && looksNumeric(b);
    const order = isNumeric ? x - y : text(a) < text(b) ? -1 : Number(text(a) > text(b));
    const holds: Readonly<Record<string, boolean>> = {
      ...{ "==": order === 0, "!=": order !== 0, "<": order < 0 },
      ...{ "<=": order <= 0, ">": order > 0, ">=": order >= 0 },
    };
    return Number(holds[operator] ?? fail());
  }
}

function statusOf(thrown: unknown): number {
  if (thrown instanceof Leave && thrown.status !== undefined) return thrown.status;
  throw thrown;
}

function text(value: Value): string {
  return String(value);
}

function number(value: Value): number {
  return typeof value === "number" ? value : Number(/^\s*[-+]?\d+(\.\d+)?/.exec(value)?.[0] ?? 0);
}

function looksNumeric(value: Value): boolean {
  return typeof value === "number" || /^\s*[-+]?\d+(\.\d+)?\s*$/.test(value);
}

function isTrue(value: Value): boolean {
  return looksNumeric(value) ? number(value) !== 0 : value !== "";
}

function fail(): never {
  throw new NotUnderstood("");
}
