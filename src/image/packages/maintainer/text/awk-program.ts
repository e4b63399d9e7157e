import { NotUnderstood } from "../../shell/syntax.ts";
import { regularExpression } from "./patterns.ts";

export type AwkExpression =
  | { readonly kind: "literal"; readonly value: string | number }
  /** Without `of`: of the whole record. */
  | { readonly kind: "match"; readonly pattern: RegExp; readonly of?: AwkExpression }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "field"; readonly index: AwkExpression }
  | { readonly kind: "assign"; readonly name: string; readonly value: AwkExpression }
  | { readonly kind: "not"; readonly value: AwkExpression }
  /** A blank joins texts. */
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: AwkExpression;
      readonly right: AwkExpression;
    }
  | { readonly kind: "call"; readonly name: string; readonly values: readonly AwkExpression[] };

export type AwkStatement =
  | { readonly kind: "print"; readonly values: readonly AwkExpression[] }
  | {
      readonly kind: "if";
      readonly condition: AwkExpression;
      readonly then: readonly AwkStatement[];
      readonly otherwise: readonly AwkStatement[];
    }
  | { readonly kind: "next" }
  | { readonly kind: "exit"; readonly status?: AwkExpression }
  | { readonly kind: "expression"; readonly value: AwkExpression };

export interface AwkRule {
  /** Undefined: each record. */
  readonly when: AwkExpression | "BEGIN" | "END" | undefined;
  /** Undefined: print the record. */
  readonly body: readonly AwkStatement[] | undefined;
}

/** From weak to strong (POSIX.1-2017, XCU, awk, "Expressions in Decreasing Precedence in awk"). */
const levels = [["||"], ["&&"], ["~", "!~"], ["==", "!=", "<=", ">=", "<", ">"], [" "], ["+", "-"], ["*"]];
const functions = /^(length|tolower|toupper)$/;
const others =
  /^(if|else|while|for|do|function|getline|printf|delete|in|split|sub|gsub|substr|match|index|system)$/;

/** A program of awk(1). Throws `NotUnderstood` for arrays, loops, functions and files. */
export function parseAwk(program: string): readonly AwkRule[] {
  const parser = new Parser(program);
  const rules: AwkRule[] = [];
  for (;;) {
    while (parser.take(/^[;\n]/));
    if (parser.isAtEnd()) return rules;
    const when = (parser.take(/^(BEGIN|END)\b/)?.[0] ??
      (parser.sees(/^\{/) ? undefined : parser.expression())) as AwkRule["when"];
    rules.push({ when, body: parser.sees(/^\{/) ? parser.block() : undefined });
  }
}

class Parser {
  #left: string;

  constructor(program: string) {
    this.#left = program;
  }

  isAtEnd(): boolean {
    return !this.sees(/^[\s\S]/);
  }

  sees(expression: RegExp): boolean {
    this.#left = this.#left.replace(/^(?:[ \t]|\\\n|#.*)+/, "");
    return expression.test(this.#left);
  }

  take(expression: RegExp): RegExpExecArray | null {
    if (!this.sees(expression)) return null;
    const found = expression.exec(this.#left);
    this.#left = this.#left.slice(found?.[0].length ?? 0);
    return found;
  }

  block(): readonly AwkStatement[] {
    if (!this.take(/^\{/)) return [this.#statement()];
    const statements: AwkStatement[] = [];
    for (;;) {
      while (this.take(/^[;\n]/));
      if (this.take(/^\}/)) return statements;
      statements.push(this.#statement());
      if (!this.sees(/^[;\n}]/)) fail();
    }
  }

  #statement(): AwkStatement {
    const ends = /^([;\n}]|$)/;
    if (this.take(/^next\b/)) return { kind: "next" };
    if (this.take(/^exit\b/))
      return this.sees(ends) ? { kind: "exit" } : { kind: "exit", status: this.expression() };
    if (this.take(/^print\b/)) {
      const values: AwkExpression[] = [];
      if (!this.sees(ends))
        do values.push(this.expression());
        while (this.take(/^,/));
      return { kind: "print", values };
    }
    if (!this.take(/^if\b/)) return { kind: "expression", value: this.expression() };
    this.take(/^\(/) ?? fail();
    const condition = this.expression();
    this.take(/^\)\s*/) ?? fail();
    const then = this.block();
    const hasMore = this.take(/^[;\s]*else\b/);
    return { kind: "if", condition, then, otherwise: hasMore ? this.block() : [] };
  }

  expression(level = 0): AwkExpression {
    const operators = levels[level];
    if (!operators) return this.#unary();
    let left = this.expression(level + 1);
    for (;;) {
      const operator = this.#operator(operators);
      if (operator === undefined) return left;
      const right = this.expression(level + 1);
      if (!operator.endsWith("~")) left = { kind: "binary", operator, left, right };
      else {
        const pattern = right.kind === "match" && !right.of ? right.pattern : fail();
        const match = { kind: "match", pattern, of: left } as const;
        left = operator === "~" ? match : { kind: "not", value: match };
      }
    }
  }

  #operator(operators: readonly string[]): string | undefined {
    if (operators[0] === " ") return this.sees(/^["$\w(]/) && !this.sees(/^in\b/) ? " " : undefined;
    const found = operators.find((one) => this.#left.trimStart().startsWith(one));
    if (found === undefined || (found === "<" && this.sees(/^<=/)) || this.sees(/^[-+*]=/)) return undefined;
    this.sees(/^/);
    this.#left = this.#left.slice(found.length);
    return found;
  }

  #unary(): AwkExpression {
    if (this.take(/^!(?![=~])/)) return { kind: "not", value: this.#unary() };
    if (this.take(/^\(/)) {
      const inner = this.expression();
      this.take(/^\)/) ?? fail();
      return inner;
    }
    if (this.take(/^\$/)) return { kind: "field", index: this.#unary() };
    const number = this.take(/^\d+(\.\d+)?/);
    if (number) return { kind: "literal", value: Number(number[0]) };
    const text = this.take(/^"((?:[^"\\\n]|\\.)*)"/);
    if (text) return { kind: "literal", value: unescaped(text[1] ?? "") };
    const pattern = this.take(/^\/((?:[^/\\\n]|\\.)+)\//);
    if (pattern) return { kind: "match", pattern: regularExpression(pattern[1] ?? "", "extended") };
    const name = this.take(/^[A-Za-z_]\w*/)?.[0] ?? fail();
    if (functions.test(name)) return { kind: "call", name, values: this.#arguments() };
    if (others.test(name) || this.sees(/^[([]/)) fail();
    if (this.take(/^=(?![=~])/)) return { kind: "assign", name, value: this.expression() };
    return { kind: "variable", name };
  }

  #arguments(): readonly AwkExpression[] {
    if (!this.take(/^\(/)) return [];
    const values: AwkExpression[] = [];
    while (!this.take(/^\)/)) {
      values.push(this.expression());
      this.take(/^,/);
    }
    return values;
  }
}

function unescaped(text: string): string {
  return text.replace(
    /\\(.)/g,
    (_, one: string) => ({ n: "\n", t: "\t", '"': '"', "\\": "\\", "/": "/" })[one] ?? fail(),
  );
}

function fail(): never {
  throw new NotUnderstood("");
}
