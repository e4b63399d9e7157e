import type { Command } from "commander";
import { createProgram } from "../../src/cli/program/program.ts";

/** kiln(1) in the language of man(7), from what `kiln help` says of each command. */
export function manPage(version: string, date: string): string {
  let written = "";
  const program = createProgram(version, { run: async () => {}, write: (text) => (written += text) });
  const examplesOf = (command: Command): string[] => {
    written = "";
    command.outputHelp();
    return [...written.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line = ""]) => line);
  };
  const groups = Map.groupBy(program.commands.filter(isShown), (command) => command.helpGroup());
  return [
    `.TH KILN 1 ${date} "Kiln ${version}" "Kiln"`,
    ".SH NAME",
    `kiln \\- ${plain(program.description().split(":")[0]?.toLowerCase() ?? "")}`,
    ".SH SYNOPSIS",
    ".B kiln",
    ".I COMMAND\n.RI [ OPTION ...]\n.RI [ ARGUMENT ...]",
    ".SH DESCRIPTION",
    plain(program.description()),
    ...[...groups].flatMap(([heading, commands]) => [
      `.SH ${quoted(heading.replace(/:$/, "").toUpperCase() || "COMMANDS")}`,
      ...commands.flatMap(leaves).flatMap((command) => section(command, examplesOf(command))),
    ]),
    ".SH SEE ALSO",
    "The documentation is in\n.IR /usr/share/doc/kiln/docs ;\n.IR kiln-yaml.md\nhas the keys of kiln.yaml,\n.IR cli.md\nmore about commands.",
    "",
  ].join("\n");
}

function isShown(command: Command): boolean {
  return command.name() !== "help";
}

function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function section(command: Command, examples: readonly string[]): string[] {
  const help = command.createHelp();
  const items = [
    ...help
      .visibleArguments(command)
      .map((argument) => [help.argumentTerm(argument), help.argumentDescription(argument)]),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== "--help")
      .map((option) => [help.optionTerm(option), help.optionDescription(option)]),
  ];
  return [
    `.SS ${quoted(help.commandUsage(command).replace("[options]", "[OPTION...]"))}`,
    plain(command.description()),
    ...items.flatMap(([term = "", about = ""]) => [".TP", `.B ${quoted(term)}`, plain(about)]),
    ...(examples.length === 0 ? [] : [".PP", ".EX", ...examples.map((line) => `  $ ${plain(line)}`), ".EE"]),
  ];
}

/** Text that stands for itself. A line of it never begins a request. */
function plain(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/[\u2018\u2019']/g, "\\(aq")
    .replaceAll("`", "\\(ga")
    .replace(/^\./, "\\&.");
}

/** One argument of a macro. */
function quoted(text: string): string {
  return `"${plain(text).replaceAll('"', "\\(dq")}"`;
}
