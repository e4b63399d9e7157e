import { closeSync, constants, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { z } from "zod";
import { KilnError } from "../../lib/errors.ts";

/** Lines of QMP: docs/interop/qmp-spec of QEMU. */
const lineSchema = z.looseObject({
  QMP: z.unknown().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
});

/** How long a hypervisor that runs may take to answer. */
const answerMs = 30_000;

/**
 * Runs commands on a hypervisor's monitor, one after the other, and resolves to what they returned. One that has just been started
 * answers when its machine is whole. Throws `server_failed` when it does not answer.
 */
export async function askMonitor(
  folder: string,
  socket: string,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const connection = await connectIn(folder, socket);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const lines = createInterface({ input: connection, signal: deadline });
  const waiting = ["qmp_capabilities", ...commands];
  const answers: unknown[] = [];
  try {
    for await (const text of lines) {
      const line = lineSchema.parse(JSON.parse(text));
      if (line.error) throw new KilnError("server_failed", `The hypervisor refuses: ${line.error.desc}`);
      if ("return" in line) answers.push(line.return);
      else if (!("QMP" in line)) continue;
      const next = waiting.shift();
      if (next === undefined) return answers.slice(1);
      connection.write(`${JSON.stringify({ execute: next })}\n`);
    }
  } finally {
    lines.close();
    connection.destroy();
  }
  signal.throwIfAborted();
  throw new KilnError("server_failed", "The hypervisor does not answer.", { retry: true });
}

/** A socket's own path may be longer than unix(7) allows: its folder is entered by a file descriptor. */
export async function connectIn(folder: string, name: string): Promise<Socket> {
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connect(`/proc/self/fd/${descriptor}/${name}`);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.on("error", () => socket.destroy()); // its other end may go at any moment
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    closeSync(descriptor);
  }
}
