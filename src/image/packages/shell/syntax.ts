/** A piece of a word. What is not quoted is split into fields, and its `*`, `?` and `[` are patterns. */
export type WordPart =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  /** `$name`, `${name}` or, with an operator, `${name:-word}` and its like. */
  | {
      readonly kind: "parameter";
      readonly name: string;
      readonly operator: string;
      readonly word: ShellWord;
      readonly quoted: boolean;
    }
  | { readonly kind: "command"; readonly body: ShellCommand; readonly quoted: boolean }
  | { readonly kind: "arithmetic"; readonly word: ShellWord; readonly quoted: boolean };

export type ShellWord = readonly WordPart[];

export interface Redirection {
  readonly fd: number;
  readonly operator: string;
  /** A file, a number for `>&`, or the text of a here-document. */
  readonly target: ShellWord;
}

/** A command of the shell language (POSIX.1-2017, XCU section 2.9). */
export type ShellCommand =
  | {
      readonly kind: "simple";
      readonly assignments: readonly { readonly name: string; readonly value: ShellWord }[];
      readonly words: readonly ShellWord[];
      readonly redirections: readonly Redirection[];
      /** As it is written, for messages. */
      readonly source: string;
    }
  | { readonly kind: "pipeline"; readonly commands: readonly ShellCommand[]; readonly negated: boolean }
  | { readonly kind: "and" | "or"; readonly left: ShellCommand; readonly right: ShellCommand }
  | { readonly kind: "list"; readonly commands: readonly ShellCommand[] }
  | {
      readonly kind: "if";
      readonly branches: readonly { readonly condition: ShellCommand; readonly body: ShellCommand }[];
      readonly otherwise: ShellCommand | undefined;
    }
  | {
      readonly kind: "loop";
      readonly until: boolean;
      readonly condition: ShellCommand;
      readonly body: ShellCommand;
    }
  | {
      readonly kind: "for";
      readonly name: string;
      /** Absent: the positional parameters. */
      readonly words: readonly ShellWord[] | undefined;
      readonly body: ShellCommand;
    }
  | {
      readonly kind: "case";
      readonly word: ShellWord;
      readonly branches: readonly { readonly patterns: readonly ShellWord[]; readonly body: ShellCommand }[];
    }
  | { readonly kind: "function"; readonly name: string; readonly body: ShellCommand }
  | { readonly kind: "subshell"; readonly body: ShellCommand }
  | {
      readonly kind: "redirected";
      readonly body: ShellCommand;
      readonly redirections: readonly Redirection[];
    };

/** The script, or a part of it, is not understood: what it says there. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}
