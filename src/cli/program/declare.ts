import { type Command, Option } from "commander";
import type { Context, Outcome } from "../context.ts";

/** What runs a command. `options` and arguments come from the command line, as declared. */
type Run<Options, Args extends readonly unknown[]> = (
  context: Context,
  options: Options,
  ...args: Args
) => Outcome;

/** Commander's action for a function whose module is loaded only when its command was chosen. */
export type LoadCommand = <Options extends object, Args extends readonly unknown[]>(
  load: () => Promise<Run<Options, Args>>,
) => (...given: unknown[]) => Promise<void>;

export const reasonHelp = "why, for the event log";
export const breakGlassHelp = "begin against policies, with a reason; another person has to review that";
export const expectRelease = "only if this release serves (0: none), or if the plan still has this digest";
export const expectRollout =
  "only if the running rollout has this number, or if the plan still has this digest";
export const planHelp = "print what this would do, and do nothing";
export const theOne = "the service; default: the one in ./kiln.yaml";

/** `kiln --json status` means the same as `kiln status --json`. */
export function jsonAnywhere(): Option {
  return new Option("--json", "print JSON for programs").hideHelp();
}

/** A command group: alone, it prints the help of its commands. */
export function group(program: Command, name: string, summary: string): Command {
  return program.command(name).description(summary).helpCommand(false).addOption(jsonAnywhere());
}

export function command(
  parent: Command,
  name: string,
  summary: string,
  ...examples: readonly string[]
): Command {
  return described(parent.command(name), summary, ...examples);
}

export function described(command: Command, summary: string, ...examples: readonly string[]): Command {
  const help = examples.map((example) => `\n  $ ${example}`).join("");
  return command
    .description(summary)
    .option("--json", "print JSON for programs")
    .addHelpText("after", help === "" ? "" : `\nExamples:${help}\n`);
}

/** The options for the file and the environment of the service. */
export function fromFile(command: Command): Command {
  return command
    .option("-f, --file <FILE>", "the file to use instead of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "an environment of kiln.yaml");
}

/** The same, for commands where `-f` means `--follow`. */
export function following(command: Command): Command {
  return command
    .option("-f, --follow", "keep printing as events happen")
    .option("--file <FILE>", "the file to use instead of ./kiln.yaml")
    .option("-e, --env <ENVIRONMENT>", "an environment of kiln.yaml");
}

/** A command that writes a file, which it overwrites only with `--force`. */
export function intoFile(command: Command, summary: string): Command {
  return command.option("-o, --output <FILE>", summary).option("--force", "replace an existing file");
}

/** An option that may be given several times. */
export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
