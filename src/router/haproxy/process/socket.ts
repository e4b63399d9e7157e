import { connect } from "node:net";
import { isErrno, KilnError } from "../../../lib/errors.ts";

/** HAProxy reads a command line into one buffer (`tune.bufsize`, 16 KiB); longer batches take several. */
const longestLine = 12_000;

/**
 * Sends commands to one of HAProxy's sockets and returns all it answers; undefined when no process listens there.
 * Throws `router_failed` when it does not answer in time, `cancelled` when the signal fires.
 */
export async function ask(
  socket: string,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let answer = "";
  for (const line of batches(commands)) {
    const part = await askLine(socket, line, signal);
    if (part === undefined) return undefined;
    answer += part;
  }
  return answer;
}

/** Commands joined to as few lines as HAProxy can take. */
export function batches(commands: readonly string[]): readonly string[] {
  const lines: string[] = [];
  for (const command of commands) {
    const last = lines.at(-1);
    if (last === undefined || last.length + command.length > longestLine) lines.push(command);
    else lines[lines.length - 1] = `${last};${command}`;
  }
  return lines;
}

function askLine(path: string, line: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled());
    const chunks: Buffer[] = [];
    const socket = connect(path);
    const abort = () => socket.destroy(cancelled());
    signal.addEventListener("abort", abort, { once: true });
    socket.setTimeout(5_000, () => socket.destroy(silent()));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", (error) => (nobodyThere(error) ? resolve(undefined) : reject(error)));
    socket.on("close", () => {
      signal.removeEventListener("abort", abort);
      resolve(Buffer.concat(chunks).toString());
    });
    socket.end(`${line}\n`); // the master answers for good only once it knows that nothing more is asked
  });
}

function nobodyThere(error: Error): boolean {
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].some((code) => isErrno(error, code));
}

function cancelled(): KilnError {
  return new KilnError("cancelled", "The call to the router was cancelled.", { retry: true });
}

function silent(): KilnError {
  return new KilnError("router_failed", "HAProxy did not answer on its socket within 5 s.", {
    hint: "The machine may be overloaded; Kiln repeats the call.",
    retry: true,
  });
}
