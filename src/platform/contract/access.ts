import type { ServerId } from "../../domain/ids.ts";
import type { Call } from "./call.ts";

/**
 * Lets people run commands in servers; presence is the capability. The client runs the command, not the
 * controller: the command has the client's terminal, and survives the end of the controller.
 */
export interface Access {
  /** Throws `server_unknown`, and `command_missing` when the server's image cannot run the command. */
  check(server: ServerId, command: readonly string[], call: Call): Promise<void>;
  /**
   * Out of traffic for good, as in quarantine, but it runs on until `quarantine`. The group makes another, unless
   * `replacing` named it. Throws `server_unknown`.
   */
  isolate(server: ServerId, call: Call): Promise<void>;
  /** The command to run on this machine; from now on no detector looks at the server. Throws `server_unknown`. */
  enter(order: ExecOrder, call: Call): Promise<Entrance>;
}

export interface ExecOrder {
  readonly server: ServerId;
  /** Tells the sessions of an installation apart. */
  readonly session: number;
  readonly command: readonly string[];
  /** Whether the command gets a terminal; otherwise three pipes. */
  readonly terminal: boolean;
}

export interface Entrance {
  /** Runs the command in the server as one of its own processes: same user, no capabilities. */
  readonly argv: readonly string[];
  /** A file that takes the transcript; what is in it goes to the server's evidence. */
  readonly transcript: string;
}
