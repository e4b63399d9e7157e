import { NotUnderstood } from "../../shell/syntax.ts";
import { regularExpression } from "./patterns.ts";

export type SedAddress =
  | { readonly kind: "line"; readonly line: number }
  | { readonly kind: "last" }
  | { readonly kind: "pattern"; readonly pattern: RegExp };

export interface SedCommand {
  readonly first?: SedAddress | undefined;
  readonly last?: SedAddress | undefined;
  readonly isNegated: boolean;
  readonly name: string;
  /** Of `s`. */
  readonly pattern?: RegExp;
  readonly replacement?: string;
  readonly prints?: boolean;
  /** Of `s`: the match that is replaced, where not the first one or all. */
  readonly which?: number | undefined;
  /** Of `a`, `i` and `c`: lines without the last newline. */
  readonly text?: string;
  /** Of `y`. */
  readonly from?: string;
  readonly to?: string;
  readonly label?: string;
  /** Index of the command that follows: of `b` and `t`, and of a block whose address does not apply. */
  jump?: number;
}

/** The commands of a script of sed(1) (POSIX.1-2017, XCU). Throws `NotUnderstood`. */
export function parseSed(script: string, kind: "basic" | "extended"): readonly SedCommand[] {
  const commands: SedCommand[] = [];
  const blocks: SedCommand[] = [];
  const labels = new Map<string, number>();
  let left = script;
  const take = (expression: RegExp) => {
    const found = expression.exec(left);
    if (found) left = left.slice(found[0].length);
    return found;
  };
  const address = (): SedAddress | undefined => {
    const number = take(/^\d+/)?.[0];
    if (number !== undefined) return { kind: "line", line: Number(number) };
    if (take(/^\$/)) return { kind: "last" };
    const custom = take(/^\\./s)?.[0].slice(1);
    if (custom === undefined && !take(/^\//)) return undefined;
    const [pattern, rest] = upTo(left, custom ?? "/");
    left = rest;
    return { kind: "pattern", pattern: regularExpression(pattern, kind, take(/^I/) ? "i" : "") };
  };
  for (;;) {
    take(/^[\s;]+/);
    if (left === "") break;
    if (take(/^#.*/)) continue;
    const first = address();
    const last = first && take(/^\s*,\s*/) ? (address() ?? fail()) : undefined;
    take(/^\s*/);
    const isNegated = take(/^!\s*/) !== null;
    const name = take(/^./s)?.[0] ?? fail();
    const base = { first, last, isNegated, name };
    if (name === "{") {
      blocks.push(base);
      commands.push(base);
      continue;
    }
    if (name === "}") {
      const block = blocks.pop() ?? fail();
      block.jump = commands.length;
      if (first) fail();
    } else if (name === ":") {
      labels.set(take(/^\s*([^\s;]+)/)?.[1] ?? fail(), commands.length);
    } else if (name === "b" || name === "t") {
      commands.push({ ...base, label: take(/^[ \t]*([^\s;}]*)/)?.[1] ?? "" });
    } else if (/^[aic]$/.test(name)) {
      commands.push({ ...base, text: textOf(take(/^(?:[^\\\n]|\\[\s\S])*/)?.[0] ?? "") });
    } else if (name === "s" || name === "y") {
      const mark = take(/^[^\\\n]/)?.[0] ?? fail();
      const [from, middle] = upTo(left, mark);
      const [to, rest] = upTo(middle, mark);
      left = rest;
      if (name === "y") {
        if (from.length !== to.length || /\\/.test(from + to)) fail();
        commands.push({ ...base, from, to });
      } else {
        const flags = take(/^[gpIi0-9]*/)?.[0] ?? "";
        const which = /\d+/.exec(flags)?.[0];
        if (which !== undefined && flags.includes("g")) fail();
        const isGlobal = flags.includes("g") || which !== undefined;
        const pattern = regularExpression(from, kind, `${isGlobal ? "g" : ""}${/i/i.test(flags) ? "i" : ""}`);
        commands.push({
          ...base,
          ...{ pattern, replacement: to, prints: flags.includes("p") },
          which: which === undefined ? undefined : Number(which),
        });
      }
    } else if (/^[dDpPqQnNhHgGx=]$/.test(name)) commands.push(base);
    else fail();
    if (name !== ":" && !/^[ \t]*(?:[;\n}#]|$)/.test(left)) fail();
  }
  if (blocks.length > 0) fail();
  for (const command of commands) {
    if (command.label === undefined) continue;
    command.jump = command.label === "" ? commands.length : (labels.get(command.label) ?? fail());
  }
  return commands;
}

/** `a\` and a newline, or the text in the same line, which is an extension of GNU. A backslash keeps what follows. */
function textOf(given: string): string {
  return given.replace(/^\s*\\\n|^[ \t]+\\?/, "").replace(/\\([\s\S])/g, "$1");
}

/** The text before a mark that no backslash precedes and no bracket holds, and what follows the mark. */
function upTo(text: string, mark: string): readonly [string, string] {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === mark)
      return [
        mark === "/" ? text.slice(0, at) : text.slice(0, at).replaceAll(`\\${mark}`, mark),
        text.slice(at + 1),
      ];
  }
  return fail();
}

function fail(): never {
  throw new NotUnderstood("");
}
