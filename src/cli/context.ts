import type { Endpoint } from "../api/client/endpoint.ts";
import type { StateFolder } from "../lib/state-folder.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { Client } from "./api.ts";
import type { Output } from "./output/output.ts";

/** Where a command reads from: `process.stdin`, as far as commands know it. */
export interface Input extends AsyncIterable<Uint8Array | string> {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
}

/** What every command gets: its environment, which tests can replace. */
export interface Context {
  readonly output: Output;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Standard input; nothing is read or opened before it is asked for. */
  readonly stdin: () => Input;
  readonly clock: Clock;
  /** Fires on the first Ctrl-C. A long-running command then ends cleanly. */
  readonly signal: AbortSignal;
  readonly state: StateFolder;
  /**
   * A controller that has another state folder, as it is reached now; undefined: commands ask the state folder's own one. Throws `context_unknown`,
   * and what a pipeline meets when it proves what it is.
   */
  readonly remote: () => Promise<Endpoint | undefined>;
  /** A client of the state folder's controller, which is started when none runs, or replaced when it runs other code. */
  connect(): Promise<Client>;
}

/** 0 done, 1 failed, 4 rolled back; usage errors and refusals (2, 3) are thrown as KilnErrors. */
export type ExitCode = 0 | 1 | 4;

/** Any other number is the exit code of a command that was run for the user. */
export type Outcome = Promise<ExitCode | number>;
