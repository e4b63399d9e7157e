import { CommanderError } from "commander";
import { KilnError, toKilnError } from "../lib/errors.ts";
import { openStateFolder } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import { version } from "../lib/version.ts";
import type { Client } from "./api.ts";
import { createConnect, createRemote } from "./connect.ts";
import type { Context, Input } from "./context.ts";
import { Output } from "./output/output.ts";
import type { Sink } from "./output/sink.ts";
import { createProgram } from "./program/program.ts";
import { usageError } from "./program/usage-error.ts";

/** The process around the CLI. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when the folder no longer exists. */
  cwd(): string;
  stdin(): Input;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** In place of the state folder's controller, for tests. */
  readonly connect?: () => Promise<Client>;
}

/** Runs one command line to its end and returns the exit code (see `src/lib/error-codes.ts`). Never throws. */
export async function runCli(argv: readonly string[], world: World): Promise<number> {
  let exitCode = 0;
  const program = createProgram(version, {
    run: async (json, work) => {
      exitCode = await work(createContext(world, json));
    },
    write: (text) => void world.stdout.write(text),
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // help and version were printed
    return fail(world, argv, error instanceof CommanderError ? usageError(error, argv, program) : error);
  }
}

function createContext(world: World, json: boolean): Context {
  const { env, stdin, clock, signal } = world;
  const state = openStateFolder(env);
  const output = new Output({ json, env, stdout: world.stdout, stderr: world.stderr });
  const remote = createRemote(env, clock);
  return {
    env,
    stdin,
    clock,
    signal,
    state,
    cwd: world.cwd(),
    output,
    remote,
    connect: world.connect ?? createConnect({ clock, signal, output, env, remote }, state),
  };
}

function fail(world: World, argv: readonly string[], error: unknown): number {
  const { env, stdout, stderr } = world;
  const found =
    world.signal.aborted && isAbort(error) ? new KilnError("cancelled", "Cancelled.") : toKilnError(error);
  new Output({ json: wantsJson(argv), env, stdout, stderr }).error(found);
  if (found.code === "internal" && env.KILN_DEBUG) stderr.write(`${stackOf(found)}\n`);
  return found.exitCode;
}

/** Also set for a command line that could not be parsed. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).includes("--json");
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

function stackOf(error: Error): string {
  return error.cause instanceof Error ? (error.cause.stack ?? error.message) : (error.stack ?? error.message);
}
