import type { Command, CommanderError } from "commander";
import { KilnError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";
import { sentence } from "../output/text.ts";
import { namesOf, unknownCommand, whereExplained } from "./help.ts";

/** A wrong command line in Kiln's words: the problem, the nearest right word, and where to read more. */
export function usageError(error: CommanderError, argv: readonly string[], program: Command): KilnError {
  if (error.code === "commander.help") return missingCommand(argv, program);
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const command = commandOf(argv, program);
  const unknown = unknownWord(error, first, command);
  if (unknown !== undefined) return unknownCommand(unknown, command);
  const did = rest.join(" ") || suggestion(error, first, command);
  const help = whereExplained(command);
  return new KilnError("usage", sentence(inOurWords(first)), { hint: did ? `${did} ${help}` : help });
}

/** The unknown command; commander reports `kiln audit bogus` as an excess argument of `kiln audit`. */
function unknownWord({ code }: CommanderError, message: string, command: Command): string | undefined {
  if (code === "commander.unknownCommand") return quoted(message);
  const isOfGroup = code === "commander.excessArguments" && command.commands.length > 0;
  return isOfGroup ? /got \d+: ([^,]*?)(?:,.*)?\.?$/.exec(message)?.[1] : undefined;
}

function quoted(message: string): string | undefined {
  return /'([^']*)'/.exec(message)?.[1];
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

function suggestion({ code }: CommanderError, message: string, command: Command): string | undefined {
  const given = quoted(message);
  if (given === undefined || code !== "commander.unknownOption") return undefined;
  const near = nearest(
    given,
    command.options.flatMap((option) => option.long ?? []),
  );
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/** The command that the first words name, as far as they name one. */
function commandOf(argv: readonly string[], program: Command): Command {
  return argv
    .filter((word) => !word.startsWith("-"))
    .slice(0, 2)
    .reduce((command, word) => command.commands.find((sub) => sub.name() === word) ?? command, program);
}
