import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { toKilnError } from "../../../lib/errors.ts";

/** Of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a session gives to the command: the streams of the process that runs it. */
export interface SessionEnds {
  /** Its end is the end of the command's input. */
  readonly stdin: NodeJS.ReadStream;
  /** Resolves when more may be written. With a terminal, everything goes to `stdout`. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
}

/** A command that runs in a server, reached through its platform. */
export interface RemoteCommand {
  /** Its exit code, once all that it has written is passed on. Rejects when the connection to it is lost. */
  readonly ended: Promise<number>;
  resize(size: TerminalSize): void;
  /** Passes the signal on, as far as the platform can do that. */
  stop(signal: NodeJS.Signals): void;
}

/** The exit code of `kiln exec` when it is not known how the command has ended. */
const unknownEnd = 255;

/** The command line that runs a session's program, a module of Kiln's own, with this order. */
export function sessionArgv(module: URL, order: unknown): readonly string[] {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning"];
  return [...node, fileURLToPath(module), JSON.stringify(order)];
}

/**
 * Connects the streams of this process with a command in a server, and ends the process as the command ends. `kiln exec` starts it in place of
 * the command itself where is reached through the API of an engine: with a terminal, its stderr is that terminal, whose size the command gets.
 */
export async function runSession(
  terminal: boolean,
  open: (ends: SessionEnds) => Promise<RemoteCommand>,
): Promise<never> {
  let code = unknownEnd;
  try {
    const command = await open({ stdin: process.stdin, write });
    if (terminal) followSize((size) => command.resize(size));
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => command.stop(signal));
    code = await command.ended;
  } catch (error) {
    const { message, hint = "" } = toKilnError(error);
    process.stderr.write(
      `${terminal ? "\r\n" : ""}${message} ${hint}`.trimEnd() + (terminal ? "\r\n" : "\n"),
    );
  }
  process.exit(code);
}

async function write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
  if (!process[stream].write(bytes)) await once(process[stream], "drain");
}

function followSize(resize: (size: TerminalSize) => void): void {
  const { stderr } = process;
  const tell = () => {
    if (stderr.columns > 0 && stderr.rows > 0) resize({ columns: stderr.columns, rows: stderr.rows });
  };
  stderr.on("resize", tell);
  tell();
}
