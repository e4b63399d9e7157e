import type { ShellCommand } from "./syntax.ts";

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

/** What a command may ask of the shell that runs it. */
export interface Shell {
  readonly world: ShellWorld;
  /** `$1` and what follows. */
  readonly positional: readonly string[];
  setPositional(positional: readonly string[]): void;
  variable(name: string): string | undefined;
  assign(name: string, value: string): void;
  unset(name: string): void;
  /** The variable has its present value again when the function that runs ends. */
  keepLocal(name: string): void;
  /** `set -e` and `set +e`. */
  stopAtFailure(stops: boolean): void;
  isFunction(name: string): boolean;
  /** Runs a command or a function; its exit status. */
  call(argv: readonly string[], streams: ShellStreams): number;
  /** Reads commands of another file, or `eval`'s. */
  source(text: string, streams: ShellStreams): number;
  /** Another script, with a name, arguments, functions and variables of its own. */
  runScript(path: string, text: string, args: readonly string[], streams: ShellStreams): number;
  /** What a command writes, in a shell of its own. */
  outputOf(command: ShellCommand): string;
  /** The text, as long as all that was made so far is not too long. */
  limited(text: string): string;
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
  /** The working directory, absolute. */
  folder: string;
  /** Mode bits that new files do not get (umask(1)). */
  umask: number;
  /** Undefined: there is no such command. Throws `NotUnderstood` for one whose effect is unknown. */
  command(name: string): ShellProgram | undefined;
  /** Names in a folder of an absolute path, sorted; empty when it is none. */
  namesIn(path: string): readonly string[];
  exists(path: string): boolean;
  read(path: string): string | undefined;
  write(path: string, text: string): void;
}
