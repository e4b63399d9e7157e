import { NotUnderstood } from "../../shell/syntax.ts";
import { parseSed, type SedAddress, type SedCommand } from "./sed-program.ts";

/** Far more than any script of Debian takes for a file. */
const mostSteps = 2_000_000;

/** sed(1) with all commands of POSIX but `w`, `r` and `l`. Throws `NotUnderstood` for more. */
export function sed(text: string, script: string, kind: "basic" | "extended", isQuiet: boolean): string {
  return new Run(text, parseSed(script, kind), isQuiet).result();
}

class Run {
  readonly #commands: readonly SedCommand[];
  readonly #lines: readonly string[];
  readonly #isQuiet: boolean;
  readonly #shown: string[] = [];
  /** Text of `a`, which follows the line. */
  #appended: string[] = [];
  readonly #open = new Set<SedCommand>();
  #at = 0;
  #space = "";
  #hold = "";
  #isOver = false;
  #steps = 0;

  constructor(text: string, commands: readonly SedCommand[], isQuiet: boolean) {
    this.#commands = commands;
    this.#lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
    this.#isQuiet = isQuiet;
  }

  result(): string {
    while (this.#at < this.#lines.length && !this.#isOver) {
      this.#space = this.#lines[this.#at] ?? "";
      this.#line();
      this.#at += 1;
    }
    return this.#shown.map((line) => `${line}\n`).join("");
  }

  /** One cycle: the script from its begin, again after `D`. */
  #line(): void {
    let isKept = true;
    let hasChanged = false;
    for (let next = 0; next < this.#commands.length; ) {
      if (++this.#steps > mostSteps) throw new NotUnderstood("a sed that does not end");
      const command = this.#commands[next] as SedCommand;
      next += 1;
      if (this.#applies(command) === command.isNegated) {
        if (command.name === "{") next = command.jump ?? next;
        continue;
      }
      if (command.name === "s") hasChanged = this.#substitute(command) || hasChanged;
      else if (command.name === "b" || (command.name === "t" && hasChanged)) {
        hasChanged = hasChanged && command.name === "b";
        next = command.jump ?? next;
      } else if (command.name === "q" || command.name === "Q") {
        this.#isOver = true;
        isKept = command.name === "q";
        break;
      } else if (command.name === "d") {
        isKept = false;
        break;
      } else if (command.name === "c") {
        if (command.last === undefined || !this.#open.has(command)) this.#shown.push(command.text ?? "");
        isKept = false;
        break;
      } else if (command.name === "n" || command.name === "N") {
        if (this.#at + 1 >= this.#lines.length) {
          this.#isOver = true;
          break;
        }
        this.#advance(command.name === "N");
      } else if (command.name === "D") {
        const [, rest] = /^[^\n]*\n(.*)$/s.exec(this.#space) ?? [];
        if (rest === undefined) {
          isKept = false;
          break;
        }
        this.#space = rest;
        next = 0;
      } else this.#change(command);
    }
    this.#finish(isKept);
  }

  #finish(isKept: boolean): void {
    if (isKept && !this.#isQuiet) this.#shown.push(this.#space);
    this.#shown.push(...this.#appended.splice(0));
  }

  #advance(appends: boolean): void {
    if (!appends) this.#finish(true);
    this.#at += 1;
    const line = this.#lines[this.#at] ?? "";
    this.#space = appends ? `${this.#space}\n${line}` : line;
  }

  #change({ name, text = "", from = "", to = "" }: SedCommand): void {
    const before = this.#space;
    switch (name) {
      case "p":
        return void this.#shown.push(before);
      case "P":
        return void this.#shown.push(before.split("\n", 1)[0] ?? "");
      case "=":
        return void this.#shown.push(String(this.#at + 1));
      case "a":
        return void this.#appended.push(text);
      case "i":
        return void this.#shown.push(text);
      case "y":
        this.#space = [...before].map((one) => to[from.indexOf(one)] ?? one).join("");
        return;
      case "h":
        this.#hold = before;
        return;
      case "H":
        this.#hold += `\n${before}`;
        return;
      case "g":
        this.#space = this.#hold;
        return;
      case "G":
        this.#space += `\n${this.#hold}`;
        return;
      case "x":
        [this.#space, this.#hold] = [this.#hold, before];
    }
  }

  #substitute({ pattern, replacement = "", prints, which }: SedCommand): boolean {
    if (!pattern) return false;
    let count = 0;
    let hasMatched = false;
    this.#space = this.#space.replace(pattern, (...found) => {
      if (which !== undefined && ++count !== which) return String(found[0]);
      hasMatched = true;
      return replaced(replacement, found);
    });
    if (hasMatched && prints) this.#shown.push(this.#space);
    return hasMatched;
  }

  /** A range begins at a line that its first address selects, and ends at the next one of its last. */
  #applies(command: SedCommand): boolean {
    const { first, last } = command;
    if (!first) return true;
    if (!last) return this.#selects(first);
    if (!this.#open.has(command)) {
      if (!this.#selects(first)) return false;
      if (last.kind !== "line" || last.line > this.#at + 1) this.#open.add(command);
      return true;
    }
    if (last.kind === "line" ? last.line <= this.#at + 1 : this.#selects(last)) this.#open.delete(command);
    return last.kind !== "line" || last.line >= this.#at + 1;
  }

  #selects(address: SedAddress): boolean {
    if (address.kind === "pattern") return address.pattern.test(this.#space);
    return this.#at + 1 === (address.kind === "last" ? this.#lines.length : address.line);
  }
}

function replaced(replacement: string, found: readonly unknown[]): string {
  return replacement.replace(
    /\\([0-9&\n/.nt|,#@-])|\\(.)|&/gs,
    (whole, known: string | undefined, other: string | undefined) => {
      if (other !== undefined) return /[A-Za-z]/.test(other) ? fail() : other;
      if (whole === "&") return String(found[0]);
      if (known === "n" || known === "t") return known === "n" ? "\n" : "\t";
      return /\d/.test(known ?? "") ? String(found[Number(known)] ?? "") : (known ?? "");
    },
  );
}

function fail(): never {
  throw new NotUnderstood("");
}
