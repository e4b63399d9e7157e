import type { SpecDocument } from "../schema/document.ts";
import type { Breach } from "./rule.ts";

/** Schedules and time zones that do not exist. The library that knows is loaded only where there is a schedule. */
export async function scheduleFaults({ jobs }: Partial<SpecDocument>): Promise<readonly Breach[]> {
  const cron = jobs?.cron ?? [];
  if (cron.length === 0) return [];
  const { parseSchedule } = await import("../../lib/time/schedule.ts");
  return cron.flatMap(({ schedule, timeZone }, index): readonly Breach[] => {
    const breach = (key: string, message: string, hint: string) => [
      { path: ["jobs", "cron", index, key], message, hint },
    ];
    try {
      parseSchedule("@daily", timeZone);
    } catch {
      const message = `There is no time zone ${timeZone}; expected one such as UTC or Europe/Berlin.`;
      return breach("timeZone", message, "`timedatectl list-timezones` lists them.");
    }
    const hint =
      "Write minute, hour, day of month, month and day of week: `30 2 * * *` is every day at 2:30.";
    try {
      if (parseSchedule(schedule, timeZone).next(0) !== undefined) return [];
      return breach("schedule", `The time ${schedule} never comes; expected one that does.`, hint);
    } catch (error) {
      const reason =
        error instanceof Error ? error.message.replace(/^CronPattern: /, "").replace(/\.$/, "") : "";
      return breach("schedule", `${schedule} is not a schedule: ${reason}.`, hint);
    }
  });
}
