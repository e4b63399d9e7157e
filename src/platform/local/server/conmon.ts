import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { z } from "zod";
import { isErrno, KilnError } from "../../../lib/errors.ts";
import { withUmask } from "../../../lib/files/umask.ts";
import { cleanEnvironment } from "../../../lib/process/environment.ts";
import { type HostPaths, type ServerPaths, socketName } from "../paths.ts";

/** Disk that the log of one server may fill while no controller is there to rotate it. */
const logBytesWithoutController = 256 * 1024 * 1024;

/** conmon's command line. It runs `runc create` itself and then stays until the server's process has ended. */
export function conmonArgv(
  paths: HostPaths,
  server: ServerPaths,
  id: string,
  runc: string,
): readonly string[] {
  return [
    ...["--cid", id, "--cuuid", socketName(id)],
    ...["--bundle", server.folder, "--persist-dir", server.folder],
    ...["--runtime", runc],
    ...["--runtime-arg", `--root=${paths.runc}`],
    ...["--runtime-arg", `--log=${server.runtimeLog}`, "--runtime-arg", "--log-format=json"],
    ...["--container-pidfile", server.processId, "--conmon-pidfile", server.monitorId],
    ...["--exit-dir", paths.exits],
    ...["--socket-dir-path", paths.sockets],
    ...["--log-path", `k8s-file:${server.log}`],
    ...["--log-size-max", String(logBytesWithoutController), "--no-sync-log"],
  ];
}

const answerSchema = z.object({ pid: z.int(), message: z.string().optional() });

/**
 * Starts conmon in a session of its own, holding nothing of ours, and returns the number of the server's process,
 * which waits for `runc start`. The message of a failure is runc's.
 */
export async function startConmon(argv: readonly string[], signal: AbortSignal): Promise<number> {
  // runc makes the server's cgroups by this umask, and a server's user reads its own limits there.
  const child = withUmask(0o022, () =>
    spawn("conmon", argv, {
      detached: true,
      cwd: "/",
      stdio: ["ignore", "ignore", "ignore", "pipe"],
      // The fd that it reports the process number, or why there is none, on.
      env: { ...cleanEnvironment, _OCI_SYNCPIPE: "3" },
    }),
  );
  const failed = new Promise<never>((_, reject) => {
    child.on("error", (error) => reject(isErrno(error, "ENOENT") ? conmonMissing(error) : error));
  });
  // Not even a pipe is there where no file descriptor was left to give.
  if (child.pid === undefined) return failed;
  const answered = child.stdio[3] as Readable;
  try {
    const line = await Promise.race([firstLine(answered, signal), failed]);
    const { pid, message } = answerSchema.parse(JSON.parse(line ?? '{"pid":-1}'));
    if (pid <= 0) throw new KilnError("server_failed", message?.trim() || "conmon could not start runc.");
    return pid;
  } finally {
    answered.destroy();
    child.unref();
  }
}

async function firstLine(stream: Readable, signal: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input: stream, signal });
  try {
    for await (const line of lines) return line;
  } finally {
    lines.close();
  }
  signal.throwIfAborted();
  return undefined;
}

function conmonMissing(cause: unknown): KilnError {
  return new KilnError("tool_missing", "The program conmon is not installed.", {
    hint: "`kiln doctor` lists what is missing and how to install it.",
    cause,
  });
}
