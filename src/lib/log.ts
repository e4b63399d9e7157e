import { openSync, writeSync } from "node:fs";
import { type Logger, pino } from "pino";

export type { Logger };

/** JSON lines on `destination` (a path, 1 for stdout, or 2 for stderr). Values are never secrets: callers log names only. */
export function openLog(destination: string | 1 | 2): Logger {
  const file = typeof destination === "string" ? openSync(destination, "a", 0o600) : destination;
  const write = (line: string) => writeOrDrop(file, line);
  return pino({ level: "info", base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
}

/** A failed write, for example on a full disk, must not end the program: pino's own streams end it, and block its exit. */
function writeOrDrop(file: number, line: string): void {
  try {
    writeSync(file, line);
  } catch {
    // lost
  }
}

/** For tests and one-shot commands that report in other ways. */
export const silentLog: Logger = pino({ level: "silent" });
