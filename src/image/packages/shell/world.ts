import type { Shell } from "./shell.ts";

/** What is left to read; commands of a loop read one after the other. */
export interface ShellInput {
  left: string;
}

/** What a command reads and writes. */
export interface ShellStreams {
  readonly input: ShellInput;
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Runs a command with its arguments; the exit status. */
export type ShellProgram = (args: readonly string[], streams: ShellStreams, shell: Shell) => number;

/** Writes, and is the status of success. */
export function say(out: ShellStreams["out"], text: string): 0 {
  out(text);
  return 0;
}

/** What a script sees of the world outside it. */
export interface ShellWorld {
  /** Undefined: there is no such command. Throws `NotUnderstood` for one whose effect is unknown. */
  command(name: string): ShellProgram | undefined;
  /** Absolute paths that a pattern with `*`, `?` and `[` names. */
  glob(pattern: RegExp): readonly string[];
  read(path: string): string | undefined;
  write(path: string, text: string): void;
}
