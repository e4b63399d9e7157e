import { Cron } from "croner";
import { isTimeZone } from "./time-zone.ts";

/** The times of a schedule. */
export interface Schedule {
  /** The first time (Unix time in ms) after this one; undefined when there is none any more. */
  next(afterMs: number): number | undefined;
}

/**
 * Five fields as in crontab(5), or `@daily` and the like, in a time zone of the IANA database. A time that the clock skips comes at the
 * end of the gap, one that the clock repeats comes once. Throws an Error that says what is wrong.
 */
export function parseSchedule(schedule: string, timeZone: string): Schedule {
  if (!isTimeZone(timeZone)) throw new Error(`there is no time zone ${timeZone}`);
  const cron = new Cron(schedule, { mode: "5-part", timezone: timeZone, paused: true });
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}
