import type { Command, CommanderError } from "commander";
import { KilnError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { sentence } from "./output/text.ts";

/** A wrong command line in our words: what is wrong, the nearest right word, and where to read more. */
export function usageError(error: CommanderError, argv: readonly string[], program: Command): KilnError {
  if (error.code === "commander.help") return missingCommand(argv, program);
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const command = commandOf(argv, program);
  const did = rest.join(" ").replace(/^\((.*)\)$/, "$1") || suggestion(error, first, command);
  const help = `\`${["kiln help", ...namesOf(command)].join(" ")}\` explains ${command === program ? "everything" : "it"}.`;
  return new KilnError("usage", sentence(inOurWords(first)), { hint: did ? `${did} ${help}` : help });
}

/** commander: `command-argument value 'x' is invalid for argument 'N'. Expected ...`. */
function inOurWords(message: string): string {
  return message
    .replace(/^command-argument value '(.*)' is invalid for argument '(.*?)'\./, "$2 cannot be '$1'.")
    .replace(/^option '(.*?)' argument '(.*)' is invalid\./, "$1 cannot be '$2'.");
}

/** `kiln controller` alone, or `kiln controller strat`. */
function missingCommand(argv: readonly string[], program: Command): KilnError {
  const command = commandOf(argv, program);
  const known = command.commands.map((sub) => sub.name());
  return new KilnError("usage", `\`${["kiln", ...namesOf(command)].join(" ")}\` needs a command.`, {
    hint: `One of: ${known.join(", ")}.`,
  });
}

function suggestion(error: CommanderError, message: string, command: Command): string | undefined {
  const given = /'([^']*)'/.exec(message)?.[1];
  if (given === undefined) return undefined;
  const words =
    error.code === "commander.unknownOption"
      ? command.options.flatMap((option) => option.long ?? [])
      : command.commands.map((sub) => sub.name());
  const near = nearest(given, words);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/** The command that the first words name, as far as they do. */
function commandOf(argv: readonly string[], program: Command): Command {
  return argv
    .filter((word) => !word.startsWith("-"))
    .slice(0, 2)
    .reduce((command, word) => command.commands.find((sub) => sub.name() === word) ?? command, program);
}

function namesOf(command: Command): string[] {
  return command.parent === null ? [] : [...namesOf(command.parent), command.name()];
}
