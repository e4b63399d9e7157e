import { Command } from "commander";
import { addAccessCommands } from "../commands/access/commands.ts";
import { addAuditCommands } from "../commands/audit/commands.ts";
import { addChangeCommands } from "../commands/changes/commands.ts";
import { addDriftCommands } from "../commands/drift/commands.ts";
import { addImageCommands } from "../commands/images/commands.ts";
import { addInstallCommands } from "../commands/install/commands.ts";
import { addJobCommands } from "../commands/jobs/commands.ts";
import { addMachineCommands } from "../commands/machine/commands.ts";
import { addPackageCommands } from "../commands/packages/commands.ts";
import { addPolicyCommands } from "../commands/policy/commands.ts";
import { addProjectCommands } from "../commands/project/commands.ts";
import { addRegistryCommands } from "../commands/registry/commands.ts";
import { addSecretCommands } from "../commands/secrets/commands.ts";
import { addServiceCommands } from "../commands/services/commands.ts";
import { addSourceCommands } from "../commands/sources/commands.ts";
import { addTargetCommands } from "../commands/targets/commands.ts";
import { addTrustCommands } from "../commands/trust/commands.ts";
import { addVolumeCommands } from "../commands/volumes/commands.ts";
import { addWebhookCommands } from "../commands/webhooks/commands.ts";

import type { Context, Outcome } from "../context.ts";
import { jsonAnywhere, type LoadCommand } from "./declare.ts";
import { printHelp } from "./help.ts";

/** What the program needs from the process that runs it. */
export interface CommandRunner {
  /** Runs a command with its context and handles its outcome. */
  run(json: boolean, work: (context: Context) => Outcome): Promise<void>;
  /** Help and version. */
  write(text: string): void;
}

/**
 * Every command: its words, arguments and options. A command loads only its own module. Wrong usage
 * is thrown as commander's CommanderError.
 */
export function createProgram(version: string, host: CommandRunner): Command {
  const program = new Command("kiln")
    .description(
      "Immutable infrastructure as one tool: servers are made from versioned images and never changed after they start.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .configureHelp({
      subcommandTerm: (sub) => [sub.name(), sub.usage().replace(/\[(options|command)\] ?/g, "")].join(" "),
    })
    .addHelpText("after", "\nBegin with `kiln quickstart`, or with `kiln init` in a project's folder.\n")
    .enablePositionalOptions() // so that exactly one command of a chain takes an option
    .addOption(jsonAnywhere())
    .showSuggestionAfterError(false) // Kiln suggests fewer words, and only similar ones
    .exitOverride()
    .configureOutput({ writeOut: (text) => host.write(text), writeErr: () => {} });
  const load: LoadCommand =
    (module) =>
    async (...given) => {
      // commander hands over the arguments, the options, and the command itself
      const options = given.at(-2) as Parameters<Awaited<ReturnType<typeof module>>>[1];
      const args = given.slice(0, -2) as never;
      const json = (given.at(-1) as Command).optsWithGlobals().json === true;
      await host.run(json, async (context) =>
        (await module())(context, options, ...(args as never[] as never)),
      );
    };
  addProjectCommands(program, load);
  addServiceCommands(program, load);
  addChangeCommands(program, load);
  addSecretCommands(program, load);
  addJobCommands(program, load);
  addVolumeCommands(program, load);
  addAuditCommands(program, load);
  addDriftCommands(program, load);
  addImageCommands(program, load);
  addPackageCommands(program, load);
  addRegistryCommands(program, load);
  addTrustCommands(program, load);
  addPolicyCommands(program, load);
  addWebhookCommands(program, load);
  addSourceCommands(program, load);
  addTargetCommands(program, load);
  addMachineCommands(program, load);
  addInstallCommands(program, load);
  addAccessCommands(program, load);
  addHelpCommand(program);
  return program;
}

/** The help command of commander knows one word only, and ignores an unknown one. */
function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command("help")
    .addOption(jsonAnywhere())
    .description("print help for a command")
    .argument("[COMMAND...]", "the command's words, such as `secret set`")
    .action((words: readonly string[]) => printHelp(program, words));
}
