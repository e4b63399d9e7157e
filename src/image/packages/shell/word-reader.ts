import { NotUnderstood, type ShellCommand, type ShellWord, type WordPart } from "./syntax.ts";

/** Reads words of the shell language: quotation, parameters and what they stand for (POSIX.1-2017, XCU sections 2.2 and 2.6). */
export abstract class WordReader {
  protected readonly text: string;
  protected at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The commands of another text. */
  protected abstract parse(text: string): ShellCommand;
  /** Another text in which only `$`, backquote and backslash are special. */
  protected abstract parts(text: string): WordPart[];
  /** Commands up to a word or sign that ends them. */
  abstract list(): ShellCommand;

  protected word(): ShellWord | undefined {
    this.blanks();
    return /[\s;&|<>()]/.test(this.peek() || " ") ? undefined : this.wordHere();
  }

  protected wordHere(): ShellWord {
    const parts: WordPart[] = [];
    for (;;) {
      const plain = this.match(/[^\s;&|<>()'"\\$`]+/y);
      if (plain) parts.push({ kind: "text", text: plain[0], quoted: false });
      else if (this.match(/\\\n/y)) continue;
      else if (this.take("\\")) parts.push({ kind: "text", text: this.next(), quoted: true });
      else if (this.take("'")) parts.push({ kind: "text", text: this.upTo("'"), quoted: true });
      else if (this.take('"')) parts.push({ kind: "text", text: "", quoted: true }, ...this.quoted('"'));
      else if (this.peek() === "$" || this.peek() === "`") parts.push(this.expansion(false));
      else return parts;
    }
  }

  /** Up to the sign that ends the quotation, which is taken; to the end of the text for "". */
  protected quoted(end: string): WordPart[] {
    const parts: WordPart[] = [];
    while (this.at < this.text.length && !(end && this.take(end))) {
      const plain = this.match(end ? /[^"\\$`]+/y : /[^\\$`]+/y);
      if (plain) parts.push({ kind: "text", text: plain[0], quoted: true });
      else if (this.match(/\\\n/y)) continue;
      else if (this.take("\\")) {
        const next = this.next();
        parts.push({ kind: "text", text: /["\\$`]/.test(next) ? next : `\\${next}`, quoted: true });
      } else parts.push(this.expansion(true));
    }
    return parts;
  }

  quotedText(): WordPart[] {
    return this.quoted("");
  }

  protected expansion(quoted: boolean): WordPart {
    if (this.take("`")) {
      const body = this.upTo("`").replace(/\\([\\$`])/g, "$1");
      return { kind: "command", body: this.parse(body), quoted };
    }
    this.expect("$");
    if (this.take("((")) {
      const word = this.parts(this.upTo("))"));
      return { kind: "arithmetic", word, quoted };
    }
    if (this.take("(")) {
      const body = this.list();
      this.expect(")");
      return { kind: "command", body, quoted };
    }
    if (this.take("{")) return this.braced(quoted);
    const simple = this.match(/[A-Za-z_]\w*|[0-9@*#?$!-]/y)?.[0];
    if (simple === undefined) return { kind: "text", text: "$", quoted };
    return { kind: "parameter", name: simple, operator: "", word: [], quoted };
  }

  protected braced(quoted: boolean): WordPart {
    const length = this.match(/#([A-Za-z_]\w*|[0-9@*]+)\}/y);
    if (length) return { kind: "parameter", name: length[1] ?? "", operator: "length", word: [], quoted };
    const parameter = this.match(/[A-Za-z_]\w*|[0-9]+|[@*#?$!-]/y)?.[0] ?? this.fail();
    const operator = this.match(/:[-=+?]|%%|##|[-=+?%#]/y)?.[0] ?? "";
    const word = this.bracedWord(quoted);
    return { kind: "parameter", name: parameter, operator, word, quoted };
  }

  protected bracedWord(quoted: boolean): ShellWord {
    const parts: WordPart[] = [];
    while (!this.take("}")) {
      const plain = this.match(/[^}'"\\$`]+/y);
      if (plain) parts.push({ kind: "text", text: plain[0], quoted });
      else if (this.take("\\")) parts.push({ kind: "text", text: this.next(), quoted: true });
      else if (this.take("'")) parts.push({ kind: "text", text: this.upTo("'"), quoted: true });
      else if (this.take('"')) parts.push(...this.quoted('"'));
      else if (this.at < this.text.length) parts.push(this.expansion(quoted));
      else this.fail();
    }
    return parts;
  }

  protected upTo(end: string): string {
    const stop = this.text.indexOf(end, this.at);
    if (stop < 0) this.fail();
    const text = this.text.slice(this.at, stop);
    this.at = stop + end.length;
    return text;
  }

  protected next(): string {
    return this.text[this.at++] ?? this.fail();
  }

  protected peek(): string {
    return this.text[this.at] ?? "";
  }

  protected match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found) this.at = pattern.lastIndex;
    return found;
  }

  protected take(sign: string, unless?: string): boolean {
    if (!this.text.startsWith(sign, this.at) || (unless && this.text.startsWith(unless, this.at)))
      return false;
    this.at += sign.length;
    return true;
  }

  protected expect(sign: string): void {
    this.blanks();
    if (!this.take(sign)) this.fail();
  }

  /** Always false, so that a condition may begin with it. */
  protected blanks(): false {
    this.match(/(?:[ \t\r]|\\\n)*(?:#[^\n]*)?/y);
    return false;
  }

  protected fail(): never {
    const line = this.text.slice(0, this.at).split("\n").length;
    const text = this.text.split("\n")[line - 1]?.trim() ?? "";
    throw new NotUnderstood(text.slice(0, 200) || "the end of the script");
  }
}
