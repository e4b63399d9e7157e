import type { Command } from "commander";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";

/** Prints the help of the command that the words name, one level for each; of the program without any. Throws `usage`. */
export function printHelp(program: Command, words: readonly string[]): void {
  commandNamed(program, words).outputHelp();
}

function commandNamed(parent: Command, [word, ...rest]: readonly string[]): Command {
  if (word === undefined) return parent;
  const command = parent.commands.find((sub) => sub.name() === word);
  if (command === undefined) throw unknownCommand(word, parent);
  return commandNamed(command, rest);
}

/** The nearest word, and where to read more. */
export function unknownCommand(word: string, parent: Command): KilnError {
  const near = nearest(
    word,
    parent.commands.map((sub) => sub.name()),
  );
  const did = near === undefined ? "" : `Did you mean ${near}? `;
  return new KilnError("usage", `Unknown command '${[...namesOf(parent), word].join(" ")}'.`, {
    hint: `${did}${whereExplained(parent)}`,
  });
}

/** The help command that explains a command. */
export function whereExplained(command: Command): string {
  const what = command.parent === null ? "everything" : "it";
  return `\`${["kiln help", ...namesOf(command)].join(" ")}\` explains ${what}.`;
}

/** Its words on the command line, without `kiln`. */
export function namesOf(command: Command): string[] {
  return command.parent === null ? [] : [...namesOf(command.parent), command.name()];
}
