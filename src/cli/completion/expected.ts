import type { Argument, Command, Option } from "commander";
import { namesOf } from "../program/help.ts";

/** Something that may come next on a command line. */
export interface Word {
  readonly value: string;
  /** What it is, in a few words. */
  readonly about: string;
}

/** What may come next: words, or a value whose kind has a name, such as `SERVICE`. */
export type NextOnLine =
  | { readonly words: readonly Word[] }
  | {
      /** Its name in the help; several kinds are possible for `SERVER|SERVICE`. */
      readonly kinds: readonly string[];
      /** The command's words and this value's name: `trust revoke NAME`. */
      readonly of: string;
      /** Before the value, in the same word: `--env=`. */
      readonly prefix: string;
      /** Of `--service` or its short form, if that came before. */
      readonly service: string | undefined;
    };

const nothing: NextOnLine = { words: [] };

/** How far a command line has come. */
interface Place {
  readonly command: Command;
  /** Arguments that have been given. */
  readonly given: readonly string[];
  /** An option whose value is missing. */
  readonly open: Option | undefined;
  readonly service: string | undefined;
  /** After `--` there are no options. */
  readonly onlyArguments: boolean;
}

/** `words`: without `kiln`; the last one is being written, and may be empty. */
export function expected(program: Command, words: readonly string[]): NextOnLine {
  const last = words.at(-1) ?? "";
  const start: Place = {
    ...{ command: program, given: [], open: undefined, service: undefined, onlyArguments: false },
  };
  const place = words.slice(0, -1).reduce(step, start);
  const { command, given, open, onlyArguments } = place;
  if (open !== undefined) return valueFor(open, place, "");
  if (!onlyArguments && last.startsWith("-")) return ofOptions(last, place);
  if (command.commands.length > 0 && given.length === 0) return { words: commandsOf(command) };
  const args = command.registeredArguments;
  const next = args[given.length] ?? (args.at(-1)?.variadic ? args.at(-1) : undefined);
  if (next === undefined) return nothing;
  return next.name() === "COMMAND" && command.name() === "help" ? help(place) : valueFor(next, place, "");
}

function step(place: Place, word: string): Place {
  const { command, given, open, onlyArguments } = place;
  if (open !== undefined)
    return { ...place, open: undefined, service: open.long === "--service" ? word : place.service };
  if (word === "--") return { ...place, onlyArguments: true };
  if (!onlyArguments && word.startsWith("-")) return { ...place, open: openOption(command, word) };
  const sub = given.length === 0 ? command.commands.find((it) => it.name() === word) : undefined;
  return sub === undefined ? { ...place, given: [...given, word] } : { ...place, command: sub };
}

/** The option that takes the next word as its value. */
function openOption(command: Command, word: string): Option | undefined {
  const option = command.options.find((it) => it.long === word || it.short === word);
  return option?.required ? option : undefined;
}

function ofOptions(last: string, place: Place): NextOnLine {
  const { command } = place;
  const [name, value] = last.split("=", 2);
  if (value !== undefined) {
    const option = command.options.find((it) => it.long === name && (it.required || it.optional));
    return option === undefined ? nothing : valueFor(option, place, `${name}=`);
  }
  const shown = command.options.filter((it) => !it.hidden && it.long);
  const words = shown.map((it) => ({ value: it.long ?? "", about: it.description }));
  return { words: [...words, { value: "--help", about: "print help" }] };
}

function valueFor(taker: Option | Argument, place: Place, prefix: string): NextOnLine {
  const { argChoices } = taker;
  if (argChoices !== undefined)
    return { words: argChoices.map((it) => ({ value: `${prefix}${it}`, about: "" })) };
  const name = "flags" in taker ? (/[<[](.*?)[>\]]/.exec(taker.flags)?.[1] ?? "") : taker.name();
  return {
    kinds: name.replace(/\.\.\.$/, "").split("|"),
    of: [...namesOf(place.command), name].join(" "),
    prefix,
    service: place.service,
  };
}

function commandsOf(command: Command): readonly Word[] {
  return command.commands.map((it) => ({ value: it.name(), about: it.description() }));
}

/** `kiln help trust `: the commands below the words that are there. */
function help({ command, given }: Place): NextOnLine {
  const below = given.reduce<Command | undefined>(
    (at, word) => at?.commands.find((it) => it.name() === word),
    command.parent ?? undefined,
  );
  return below === undefined ? nothing : { words: commandsOf(below) };
}
