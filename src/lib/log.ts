import { type Logger, pino } from "pino";

export type { Logger };

/** JSON lines on `destination` (a path, or 2 for stderr). Values are never secrets: callers log names only. */
export function openLog(destination: string | 2): Logger {
  const target =
    typeof destination === "string" ? { dest: destination, mode: 0o600, mkdir: true } : { dest: destination };
  return pino(
    { level: "info", base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ ...target, sync: false }),
  );
}

/** For tests and one-shot commands that report by other means. */
export const silentLog: Logger = pino({ level: "silent" });
