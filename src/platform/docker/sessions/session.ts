import { z } from "zod";
import { KilnError } from "../../../lib/errors.ts";
import type { RemoteCommand, SessionEnds } from "../../linux/sessions/session-program.ts";
import { inspectedExec } from "../engine/answers.ts";
import { type Engine, EngineRefusal } from "../engine/engine.ts";
import { frames } from "../engine/frames.ts";

export const dockerSessionSchema = z.object({
  /** The engine's Unix socket. */
  socket: z.string(),
  /** The engine's id of the command, which is not started yet. */
  exec: z.string(),
  terminal: z.boolean(),
});

/** What a session's program has to know. */
export type DockerSession = Readonly<z.infer<typeof dockerSessionSchema>>;

/** A command that has just been started takes no size yet. */
const resizing = { tries: 40, pauseMs: 50 };
/** A command may close its output and run on: then the engine is asked so often whether it has ended. */
const pause = { firstMs: 10, mostMs: 1_000 };

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const signal = new AbortController().signal;

/** Starts the command, Engine API 1.41 `POST /exec/{id}/start`, and connects it with these streams. */
export async function startCommand(
  engine: Engine,
  { exec, terminal }: Pick<DockerSession, "exec" | "terminal">,
  { stdin, write }: SessionEnds,
): Promise<RemoteCommand> {
  const path = `/exec/${exec}`;
  const socket = await engine.hijack({
    ...{ method: "POST", path: `${path}/start`, body: { Detach: false, Tty: terminal }, signal },
  });
  socket.setKeepAlive(true);
  socket.on("error", () => {}); // what has become of the command, the engine is asked
  stdin.pipe(socket);

  async function passOn(): Promise<void> {
    try {
      if (terminal) for await (const bytes of socket) await write("stdout", bytes);
      else for await (const { stream, bytes } of frames(socket)) await write(stream, bytes);
    } catch {
      // As above.
    }
  }

  async function ended(): Promise<number> {
    await passOn();
    for (let pauseMs = pause.firstMs; ; pauseMs = Math.min(2 * pauseMs, pause.mostMs)) {
      const found = await engine.read({ path: `${path}/json`, signal }, inspectedExec).catch(lost);
      if (found !== undefined && !found.Running && found.ExitCode !== null) return found.ExitCode;
      await sleep(pauseMs);
    }
  }

  let latest = {};
  return {
    ended: ended(),
    async resize(size) {
      latest = size;
      const query = { h: String(size.rows), w: String(size.columns) };
      for (let tries = 0; tries < resizing.tries && latest === size; tries++) {
        const done = await engine.send({ method: "POST", path: `${path}/resize`, query, signal }).then(
          () => true,
          () => false,
        );
        if (done) return;
        await sleep(resizing.pauseMs);
      }
    },
    /** The engine passes no signals to it. It runs on this machine. */
    async stop(name) {
      const found = await engine.read({ path: `${path}/json`, signal }, inspectedExec).catch(() => undefined);
      try {
        if (found?.Running && found.Pid > 0) process.kill(found.Pid, name);
      } catch {
        socket.destroy(); // not ours to signal: the session ends without it
      }
    },
  };
}

/** An engine that was restarted knows no commands of before. */
function lost(cause: unknown): never {
  const isGone = cause instanceof EngineRefusal && cause.status === 404;
  throw new KilnError(
    isGone ? "server_failed" : "target_unreachable",
    isGone
      ? "The session is lost: its server is gone, or the Docker engine was restarted."
      : "The session is lost: the Docker engine does not answer any more.",
    { hint: "What still runs in the server ends when Kiln replaces it.", cause },
  );
}
