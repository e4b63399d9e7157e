import { closeSync, constants, existsSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import type { ServerId } from "../../../domain/ids.ts";
import { isErrno } from "../../../lib/errors.ts";
import { waitUntil } from "../../../lib/time/wait-until.ts";
import type { HostContext } from "../context.ts";
import { type ServerPaths, serverPaths } from "../paths.ts";

/** A log file of this size is put aside. */
const logBytes = 10 * 1024 * 1024;
/** conmon's command 2: open the log files again. */
const reopen = "2 0 0\n";
const reopenMs = 1_000;

/** The newest first. There are never more than these. */
export function logFiles({ log }: ServerPaths): readonly [string, string, string] {
  return [log, `${log}.1`, `${log}.2`];
}

/**
 * Puts a full log file aside. conmon continues writing to it until it has opened the new one, so nothing is lost.
 * Kiln signals conmon only while there is no file: conmon would replace an existing one.
 */
export async function rotateLog(
  host: Pick<HostContext, "paths" | "clock" | "log">,
  id: ServerId,
): Promise<void> {
  const server = serverPaths(host.paths, id);
  const [log, previous, oldest] = logFiles(server);
  const size = sizeOf(log);
  if (size !== undefined && size < logBytes) return;
  if (size !== undefined) {
    if (existsSync(previous)) renameSync(previous, oldest);
    renameSync(log, previous);
  }
  if (!tellConmon(server)) return;
  const reopened = await waitUntil(host.clock, reopenMs, () => existsSync(log));
  if (!reopened) host.log.warn({ server: id }, "conmon has not opened its new log file yet");
}

/** False when conmon is gone. */
function tellConmon({ control }: ServerPaths): boolean {
  try {
    const fifo = openSync(control, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(fifo, reopen);
    closeSync(fifo);
    return true;
  } catch (error) {
    // ENXIO: no process has the fifo open for reading, fifo(7).
    if (isErrno(error, "ENXIO") || isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path).size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
