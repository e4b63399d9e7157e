import { expect, test } from "vitest";
import { parseSchedule } from "./schedule.ts";

function times(schedule: string, timeZone: string, from: string, count: number): string[] {
  const { next } = parseSchedule(schedule, timeZone);
  const found: string[] = [];
  for (let at = Date.parse(from); found.length < count; ) {
    at = next(at) ?? Number.NaN;
    found.push(new Date(at).toISOString());
  }
  return found;
}

test("a time that the clock skips or repeats comes once on that day", () => {
  expect(times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual([
    "2026-03-29T01:00:00.000Z",
    "2026-03-30T00:30:00.000Z",
  ]);
  expect(times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
    "2026-10-25T00:30:00.000Z",
    "2026-10-26T01:30:00.000Z",
  ]);
});

test("hours stay even when the clock repeats one", () => {
  expect(times("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3)).toEqual([
    "2026-10-25T00:00:00.000Z",
    "2026-10-25T01:00:00.000Z",
    "2026-10-25T02:00:00.000Z",
  ]);
});

test.each([
  ["* * * *", "UTC"],
  ["61 * * * *", "UTC"],
  ["* * * * * *", "UTC"],
  ["* * * * *", "Mars/One"],
])("%s in %s is refused", (schedule, timeZone) => {
  expect(() => parseSchedule(schedule, timeZone)).toThrow();
});

test("a day that never comes has no time", () => {
  expect(parseSchedule("0 0 30 2 *", "UTC").next(0)).toBeUndefined();
});
