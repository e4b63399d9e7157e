import { NotUnderstood } from "../shell/syntax.ts";
import { regularExpression } from "./patterns.ts";

interface Step {
  readonly address: (line: string, index: number, count: number) => boolean;
  readonly command: string;
  readonly pattern?: RegExp;
  readonly replacement?: string;
  readonly prints?: boolean;
}

/** sed(1) with `s`, `d`, `p` and `q`, each for all lines, one number, `$` or a pattern. Throws `NotUnderstood` for more. */
export function sed(text: string, script: string, kind: "basic" | "extended", isQuiet: boolean): string {
  const steps = stepsOf(script, kind);
  const lines = text.replace(/\n$/, "").split("\n");
  const shown: string[] = [];
  for (const [index, original] of text === "" ? [] : lines.entries()) {
    let line: string | undefined = original;
    let isLast = false;
    for (const step of steps) {
      if (line === undefined || !step.address(line, index, lines.length)) continue;
      if (step.command === "d") line = undefined;
      else if (step.command === "p") shown.push(line);
      else if (step.command === "q") isLast = true;
      else if (step.pattern) {
        const changed: string = line.replace(step.pattern, (...found) =>
          replaced(step.replacement ?? "", found),
        );
        if (step.prints && step.pattern.test(line)) shown.push(changed);
        step.pattern.lastIndex = 0;
        line = changed;
      }
    }
    if (line !== undefined && !isQuiet) shown.push(line);
    if (isLast) break;
  }
  return shown.map((line) => `${line}\n`).join("");
}

function replaced(replacement: string, found: readonly unknown[]): string {
  return replacement.replace(/\\([0-9&/.n|,#@-])|\\(.)|&/gs, (whole, known: string | undefined, other) => {
    if (other !== undefined) throw new NotUnderstood("");
    if (whole === "&") return String(found[0]);
    if (known === "n") return "\n";
    return /\d/.test(known ?? "") ? String(found[Number(known)] ?? "") : (known ?? "");
  });
}

function stepsOf(script: string, kind: "basic" | "extended"): readonly Step[] {
  const steps: Step[] = [];
  let left = script.trim();
  while (left !== "") {
    const [address, afterAddress] = addressOf(left, kind);
    left = afterAddress.trimStart();
    const command = left[0] ?? "";
    left = left.slice(1);
    if (command === "s") {
      const mark = left[0] ?? "";
      const [pattern, afterPattern] = upTo(left.slice(1), mark);
      const [replacement, afterAll] = upTo(afterPattern, mark);
      const flags = /^[gpI]*/.exec(afterAll)?.[0] ?? "";
      left = afterAll.slice(flags.length);
      const expression = regularExpression(
        pattern,
        kind,
        `${flags.includes("g") ? "g" : ""}${flags.includes("I") ? "i" : ""}`,
      );
      steps.push({ address, command, pattern: expression, replacement, prints: flags.includes("p") });
    } else if (/^[dpq]$/.test(command)) steps.push({ address, command });
    else throw new NotUnderstood("");
    const end = /^\s*(;|\n|$)\s*/.exec(left);
    if (!end) throw new NotUnderstood("");
    left = left.slice(end[0].length);
  }
  return steps;
}

function addressOf(text: string, kind: "basic" | "extended"): readonly [Step["address"], string] {
  const number = /^(\d+|\$)/.exec(text)?.[1];
  if (number !== undefined) {
    const rest = text.slice(number.length);
    return [(_, index, count) => index + 1 === (number === "$" ? count : Number(number)), rest];
  }
  if (!text.startsWith("/")) return [() => true, text];
  const [pattern, rest] = upTo(text.slice(1), "/");
  const expression = regularExpression(pattern, kind);
  return [(line) => expression.test(line), rest];
}

/** The text before a mark that no backslash precedes, and what follows the mark. */
function upTo(text: string, mark: string): readonly [string, string] {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === mark)
      return [
        mark === "/" ? text.slice(0, at) : text.slice(0, at).replaceAll(`\\${mark}`, mark),
        text.slice(at + 1),
      ];
  }
  throw new NotUnderstood("");
}
