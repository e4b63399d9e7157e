import type { Redirection, ShellCommand, ShellWord, WordPart } from "./syntax.ts";
import { WordReader } from "./word-reader.ts";

/** Reads a script in the shell language (POSIX.1-2017, XCU chapter 2). Throws `NotUnderstood`. */
export function parseShell(text: string): ShellCommand {
  const parser = new Parser(text);
  const command = parser.list();
  parser.expectEnd();
  return command;
}

const reserved = /(?:if|then|elif|else|fi|do|done|case|esac|while|until|for|in|\{|\}|!)(?=[\s;&|()<>]|$)/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const redirection = /(\d?)(>>|>\||>&|<&|<<-|<<|>|<)/y;
const deepest = 100;

class Parser extends WordReader {
  protected parse(text: string): ShellCommand {
    return parseShell(text);
  }

  protected parts(text: string): WordPart[] {
    return parseQuoted(text);
  }

  #depth = 0;
  readonly #hereDocuments: {
    readonly end: string;
    readonly plain: boolean;
    readonly tabs: boolean;
    word: WordPart[];
  }[] = [];

  expectEnd(): void {
    if (this.at < this.text.length) this.fail();
  }

  /** Commands up to a word or sign that ends them. */
  list(): ShellCommand {
    if (++this.#depth > deepest) this.fail();
    const commands: ShellCommand[] = [];
    for (this.#newlines(); !this.#ends(); this.#newlines()) {
      commands.push(this.#andOr());
      this.blanks();
      if (this.take("&", "&&")) this.fail();
      if (!this.take(";", ";;") && !this.#ends() && this.peek() !== "\n") this.fail();
    }
    this.#depth--;
    return commands.length === 1 && commands[0] ? commands[0] : { kind: "list", commands };
  }

  #andOr(): ShellCommand {
    let left = this.#pipeline();
    for (;;) {
      this.blanks();
      const kind = this.take("&&") ? "and" : this.take("||") ? "or" : undefined;
      if (!kind) return left;
      this.#newlines();
      left = { kind, left, right: this.#pipeline() };
    }
  }

  #pipeline(): ShellCommand {
    this.blanks();
    let negated = false;
    while (this.#takeReserved("!")) {
      negated = !negated;
      this.blanks();
    }
    const commands = [this.#command()];
    for (this.blanks(); this.take("|", "||"); this.blanks()) {
      this.#newlines();
      commands.push(this.#command());
    }
    return commands.length === 1 && !negated && commands[0]
      ? commands[0]
      : { kind: "pipeline", commands, negated };
  }

  #command(): ShellCommand {
    this.blanks();
    const compound = this.#compound();
    if (!compound) return this.#simple();
    const redirections: Redirection[] = [];
    for (let one = this.#redirection(); one; one = this.#redirection()) redirections.push(one);
    return redirections.length === 0 ? compound : { kind: "redirected", body: compound, redirections };
  }

  #compound(): ShellCommand | undefined {
    if (this.take("(")) {
      const body = this.list();
      this.expect(")");
      return { kind: "subshell", body };
    }
    switch (this.#reservedHere()) {
      case "{":
        return this.#between("{", "}");
      case "if":
        return this.#if();
      case "while":
      case "until": {
        const until = this.#takeReserved("until");
        if (!until) this.#takeReserved("while");
        const condition = this.list();
        return { kind: "loop", until, condition, body: this.#between("do", "done") };
      }
      case "for":
        return this.#for();
      case "case":
        return this.#case();
      case undefined:
        return this.#function();
      default:
        return this.fail();
    }
  }

  #between(begin: string, end: string): ShellCommand {
    this.#newlines();
    this.#expectReserved(begin);
    const body = this.list();
    this.#expectReserved(end);
    return body;
  }

  #if(): ShellCommand {
    const branches: { condition: ShellCommand; body: ShellCommand }[] = [];
    this.#expectReserved("if");
    do {
      const condition = this.list();
      this.#expectReserved("then");
      branches.push({ condition, body: this.list() });
    } while (this.#takeReserved("elif"));
    const otherwise = this.#takeReserved("else") ? this.list() : undefined;
    this.#expectReserved("fi");
    return { kind: "if", branches, otherwise };
  }

  #for(): ShellCommand {
    this.#expectReserved("for");
    this.blanks();
    const variable = this.match(name)?.[0] ?? this.fail();
    this.#newlines();
    let words: ShellWord[] | undefined;
    if (this.#takeReserved("in")) {
      words = [];
      for (let word = this.word(); word; word = this.word()) words.push(word);
    }
    this.blanks();
    this.take(";");
    return { kind: "for", name: variable, words, body: this.#between("do", "done") };
  }

  #case(): ShellCommand {
    this.#expectReserved("case");
    const word = this.word() ?? this.fail();
    this.#newlines();
    this.#expectReserved("in");
    const branches: { patterns: ShellWord[]; body: ShellCommand }[] = [];
    for (this.#newlines(); !this.#takeReserved("esac"); this.#newlines()) {
      this.take("(");
      const patterns: ShellWord[] = [];
      do patterns.push(this.word() ?? this.fail());
      while (this.blanks() || this.take("|"));
      this.expect(")");
      branches.push({ patterns, body: this.list() });
      this.blanks();
      if (!this.take(";;") && this.#reservedHere() !== "esac") this.fail();
    }
    return { kind: "case", word, branches };
  }

  #function(): ShellCommand | undefined {
    const begin = this.at;
    this.match(/function[ \t]+/y);
    const found = this.match(/([A-Za-z_][\w-]*)[ \t]*\(\)/y);
    if (!found) {
      this.at = begin;
      return undefined;
    }
    this.#newlines();
    return { kind: "function", name: found[1] ?? "", body: this.#command() };
  }

  #simple(): ShellCommand {
    const begin = this.at;
    const assignments: { name: string; value: ShellWord }[] = [];
    const words: ShellWord[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      const redirected = this.#redirection();
      if (redirected) redirections.push(redirected);
      const assigned = redirected || words.length > 0 ? undefined : this.match(/([A-Za-z_]\w*)=/y);
      if (assigned) assignments.push({ name: assigned[1] ?? "", value: this.wordHere() });
      if (redirected || assigned) continue;
      const word = this.word();
      if (!word) break;
      words.push(word);
    }
    if (assignments.length + words.length + redirections.length === 0) this.fail();
    const source = this.text
      .slice(begin, this.at)
      .replace(/\s*\\?\n\s*/g, " ")
      .trim();
    return { kind: "simple", assignments, words, redirections, source };
  }

  #redirection(): Redirection | undefined {
    this.blanks();
    const found = this.match(redirection);
    if (!found) return undefined;
    const operator = found[2] ?? "";
    const fd = found[1] ? Number(found[1]) : operator.startsWith("<") ? 0 : 1;
    if (!operator.startsWith("<<")) return { fd, operator, target: this.word() ?? this.fail() };
    const end = this.word() ?? this.fail();
    const word: WordPart[] = [];
    const text = end.map((part) => (part.kind === "text" ? part.text : this.fail())).join("");
    const plain = end.some((part) => part.quoted);
    this.#hereDocuments.push({ end: text, plain, tabs: operator === "<<-", word });
    return { fd, operator: "<<", target: word };
  }

  /** The text of here-documents begins after the line that names them. */
  #readHereDocuments(): void {
    for (const { end, plain, tabs, word } of this.#hereDocuments.splice(0)) {
      const lines: string[] = [];
      for (;;) {
        const stop = this.text.indexOf("\n", this.at);
        const line = this.text.slice(this.at, stop < 0 ? undefined : stop);
        const shown = tabs ? line.replace(/^\t+/, "") : line;
        if (this.at >= this.text.length) this.fail();
        this.at = stop < 0 ? this.text.length : stop + 1;
        if (shown === end) break;
        lines.push(`${shown}\n`);
      }
      const body = lines.join("");
      word.push(...(plain ? [{ kind: "text", text: body, quoted: true } as const] : parseQuoted(body)));
    }
  }

  #reservedHere(): string | undefined {
    reserved.lastIndex = this.at;
    return reserved.exec(this.text)?.[0];
  }

  #takeReserved(word: string): boolean {
    this.blanks();
    return this.#reservedHere() === word && this.take(word);
  }

  #expectReserved(word: string): void {
    if (!this.#takeReserved(word)) this.fail();
  }

  #ends(): boolean {
    this.blanks();
    if (this.at >= this.text.length || this.peek() === ")" || this.text.startsWith(";;", this.at))
      return true;
    return /^(then|elif|else|fi|do|done|esac|\})$/.test(this.#reservedHere() ?? "");
  }

  #newlines(): void {
    for (this.blanks(); this.take("\n"); this.blanks()) this.#readHereDocuments();
  }
}

/** Text in which only `$`, backquote and backslash are special. */
function parseQuoted(text: string): WordPart[] {
  return new Parser(text).quotedText();
}
