import { escapedPattern, matchesPattern, pathsOf } from "./glob.ts";
import { NotUnderstood, type ShellWord, type WordPart } from "./syntax.ts";
import type { Shell } from "./world.ts";

/** A character of a field, and whether it was quoted: then it is not a pattern, nor a place to split. */
interface Piece {
  readonly text: string;
  readonly quoted: boolean;
}

/** The fields that words become: parameters, commands, splitting, and names of files (POSIX.1-2017, XCU section 2.6). */
export function expandWords(shell: Shell, words: readonly ShellWord[]): string[] {
  const fields = words.flatMap((word) => fieldsOf(shell, word).flatMap((field) => filesOf(shell, field)));
  for (const field of fields) shell.limited(field);
  return fields;
}

/** One value, without splitting, as in an assignment. */
export function expandAssignment(shell: Shell, word: ShellWord): string {
  return word.map((part) => textOf(shell, part)).join("");
}

/** A pattern of `case`, `%` or `#`: what is not quoted is special. */
export function patternOf(shell: Shell, word: ShellWord): string {
  return word
    .map((part) => {
      const text = textOf(shell, part);
      return part.quoted ? escapedPattern(text) : text;
    })
    .join("");
}

function fieldsOf(shell: Shell, word: ShellWord): Piece[][] {
  const fields: Piece[][] = [];
  let current: Piece[] | undefined;
  const add = (piece: Piece) => {
    current ??= [];
    current.push(piece);
  };
  const end = () => {
    if (current) fields.push(current);
    current = undefined;
  };
  for (const part of word) {
    if (part.kind === "text") {
      add({ text: part.text, quoted: part.quoted });
      continue;
    }
    if (part.kind === "parameter" && part.name === "@" && part.quoted && part.operator === "") {
      for (const [index, text] of shell.positional.entries()) {
        if (index > 0) end();
        add({ text: shell.limited(text), quoted: true });
      }
      continue;
    }
    if (part.kind === "parameter" && !part.quoted && isDefault(shell, part)) {
      for (const [index, field] of fieldsOf(shell, part.word).entries()) {
        if (index > 0) end();
        for (const piece of field) add(piece);
      }
      continue;
    }
    const value = textOf(shell, part);
    if (part.quoted) add({ text: value, quoted: true });
    else {
      const pieces = value.split(separators(shell));
      for (const [index, text] of pieces.entries()) {
        if (index > 0) end();
        if (text !== "") add({ text: shell.limited(text), quoted: false });
      }
    }
  }
  end();
  return fields;
}

function separators(shell: Shell): RegExp {
  const given = shell.variable("IFS") ?? " \t\n";
  return given === "" ? /(?!)/ : new RegExp(`[${given.replace(/[\\\]^-]/g, "\\$&")}]+`);
}

/** Whether `${name:-word}` or `${name:+word}` gives the word. */
function isDefault(shell: Shell, { name, operator }: Extract<WordPart, { kind: "parameter" }>): boolean {
  const value = shell.variable(name);
  const isMissing = value === undefined || (operator.startsWith(":") && value === "");
  return (/^:?-$/.test(operator) && isMissing) || (/^:?\+$/.test(operator) && !isMissing);
}

function filesOf(shell: Shell, field: readonly Piece[]): readonly string[] {
  const plain = field.map(({ text }) => text).join("");
  if (!field.some(({ text, quoted }) => !quoted && /[*?]|\[.+\]/.test(text))) return [plain];
  const pattern = field.map(({ text, quoted }) => (quoted ? escapedPattern(text) : text)).join("");
  const folder = shell.world.folder.replace(/\/*$/, "/");
  const whole = pattern.startsWith("/") ? pattern : `${escapedPattern(folder)}${pattern}`;
  const found = pathsOf(whole, shell.world, (path) => shell.limited(path));
  if (found.length === 0) return [plain];
  return pattern.startsWith("/") ? found : found.map((path) => path.slice(folder.length));
}

function textOf(shell: Shell, part: WordPart): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "command":
      return shell.outputOf(part.body);
    case "arithmetic":
      return String(arithmetic(expandAssignment(shell, part.word), shell));
    case "parameter":
      return parameter(shell, part);
  }
}

function parameter(shell: Shell, { name, operator, word }: Extract<WordPart, { kind: "parameter" }>): string {
  const value = shell.variable(name);
  const given = operator.startsWith(":") ? value || undefined : value;
  switch (operator.replace(":", "")) {
    case "":
      return value ?? "";
    case "length":
      return String((value ?? "").length);
    case "-":
      return given ?? expandAssignment(shell, word);
    case "=":
      if (given === undefined) shell.assign(name, expandAssignment(shell, word));
      return shell.variable(name) ?? "";
    case "+":
      return given === undefined ? "" : expandAssignment(shell, word);
    case "%":
    case "%%":
    case "#":
    case "##":
      return stripped(value ?? "", patternOf(shell, word), operator);
    default:
      throw new NotUnderstood("");
  }
}

/** `%` and `#` take the shortest match away, `%%` and `##` the longest. */
function stripped(value: string, pattern: string, operator: string): string {
  const lengths = Array.from({ length: value.length + 1 }, (_, length) => length);
  if (operator.length === 2) lengths.reverse();
  const fromEnd = operator.startsWith("%");
  for (const length of lengths) {
    const part = fromEnd ? value.slice(value.length - length) : value.slice(0, length);
    if (matchesPattern(pattern, part))
      return fromEnd ? value.slice(0, value.length - length) : value.slice(length);
  }
  return value;
}

/** A number, or `a + b` of numbers and variables. */
function arithmetic(text: string, shell: Shell): number {
  const found = /^\s*(\w+)\s*(?:([-+*])\s*(\w+)\s*)?$/.exec(text);
  if (!found) throw new NotUnderstood("");
  const number = (word = "0") => Number(/^\d+$/.test(word) ? word : shell.variable(word) || 0);
  const [left, right] = [number(found[1]), number(found[3])];
  const value = found[2] === "*" ? left * right : found[2] === "-" ? left - right : left + right;
  if (!Number.isSafeInteger(value)) throw new NotUnderstood("");
  return value;
}
