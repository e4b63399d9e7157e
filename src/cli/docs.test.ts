import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "./program/program.ts";

const docs = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
const program = createProgram("0.0.0", { run: async () => {}, write: () => {} });

/** `build`, `controller start`: every command that does something. */
function leaves(command: Command, names: readonly string[] = []): string[] {
  if (command.commands.length === 0) return [names.join(" ")];
  return command.commands.flatMap((sub) => leaves(sub, [...names, sub.name()]));
}

test("docs/cli.md has each command, and no other", () => {
  const documented = [
    ...docs.matchAll(/^\| `kiln ([a-z][a-z-]*(?: [a-z][a-z-]*){0,2})[^`]*` \| [A-Z]/gm),
  ].map(([, name]) => name);
  expect(documented.toSorted()).toEqual(leaves(program).toSorted());
});

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

test("the default of a duration is shown as one writes it", () => {
  const options = withSubcommands(program).flatMap((command) => command.options);
  const durations = options.filter(({ flags, defaultValue }) => flags.includes("<DURATION>") && defaultValue);
  expect(durations.length).toBeGreaterThan(0);
  for (const { flags, defaultValueDescription } of durations)
    expect(defaultValueDescription, flags).toMatch(/^\d+[smhd]$/);
});

test("each command has a summary without a full stop, and --json", () => {
  for (const command of program.commands.flatMap(withSubcommands)) {
    expect(command.description(), command.name()).toMatch(/^[a-z].*[^.]$/);
    const json = command.options.some((option) => option.long === "--json");
    expect(json || command.commands.length > 0, command.name()).toBe(true);
  }
});

test("each command that `kiln init --from` prints is one of the program's", async () => {
  const golden = globSync("../spec/compose/golden/*.txt", { cwd: import.meta.dirname });
  const printed = golden.flatMap((file) => [
    ...readFileSync(join(import.meta.dirname, file), "utf8").matchAll(/`kiln ([^`]+)`/g),
  ]);
  const commands = new Set(printed.map(([, words = ""]) => words.replace(/ < .*/, "")));
  expect([...commands]).toContain("secret set DB_PASSWORD database");
  for (const words of commands) {
    const own = createProgram("0.0.0", { run: async () => {}, write: () => {} });
    const fault = await own.parseAsync(words.split(" "), { from: "user" }).catch((error) => error.code);
    // A command may be named without what it takes, such as `kiln volume import`.
    expect([own, "commander.missingArgument"], words).toContain(fault);
  }
});
