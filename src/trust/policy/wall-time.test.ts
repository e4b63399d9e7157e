import { expect, test } from "vitest";
import { parseDays, type Window } from "../../domain/policy/windows.ts";
import { nextOpening, openAt, wallTime } from "./wall-time.ts";

const at = (iso: string) => Date.parse(iso);
const everyDay = [0, 1, 2, 3, 4, 5, 6];
const daily = (from: string, to: string, zone: string, days: readonly number[] = everyDay): Window => ({
  ...{ days, from, to, zone },
});

const isWithin = (window: Window, atMs: number) => openAt(atMs)(window);

/** The moments of a day's half hours (UTC) within the window: `HH:MM`. */
function openOn(window: Window, day: string): readonly string[] {
  const start = at(`${day}T00:00Z`);
  const times = Array.from({ length: 48 }, (_, half) => start + half * 1_800_000);
  return times
    .filter((time) => isWithin(window, time))
    .map((time) => new Date(time).toISOString().slice(11, 16));
}

test("days are written as people write them", () => {
  expect(parseDays("mon-thu")).toEqual([1, 2, 3, 4]);
  expect(parseDays("Sat, sun")).toEqual([0, 6]);
  expect(parseDays("fri-mon")).toEqual([0, 1, 5, 6]);
  for (const wrong of ["monday", "mon-", "mon-wed-fri", "", "mon,,tue"])
    expect(parseDays(wrong)).toBeUndefined();
});

test("a window is open by the wall clock of its zone, its end not included", () => {
  const office = daily("09:00", "16:00", "Europe/Berlin", [1, 2, 3, 4]);
  expect(isWithin(office, at("2026-11-30T07:59:59Z"))).toBe(false);
  expect(isWithin(office, at("2026-11-30T08:00Z"))).toBe(true); // Monday, 9:00 in Berlin
  expect(isWithin(office, at("2026-11-30T14:59:59Z"))).toBe(true);
  expect(isWithin(office, at("2026-11-30T15:00Z"))).toBe(false);
  expect(isWithin(office, at("2026-12-04T08:00Z"))).toBe(false); // Friday
  expect(isWithin(office, at("2026-07-06T07:00Z"))).toBe(true); // Monday, 9:00 in summer
  // What is Sunday in UTC may be Monday in Auckland.
  expect(isWithin(daily("00:00", "24:00", "Pacific/Auckland", [1]), at("2026-11-29T12:00Z"))).toBe(true);
});

test("a window that ends before it begins passes midnight, and belongs to the day on which it begins", () => {
  const night = daily("22:00", "04:00", "UTC", [5]);
  expect(isWithin(night, at("2026-11-27T22:00Z"))).toBe(true); // Friday
  expect(isWithin(night, at("2026-11-28T03:59Z"))).toBe(true);
  expect(isWithin(night, at("2026-11-28T04:00Z"))).toBe(false);
  expect(isWithin(night, at("2026-11-27T03:00Z"))).toBe(false);
  expect(isWithin(night, at("2026-11-28T22:00Z"))).toBe(false);
});

test("a window with dates comes once", () => {
  const holidays: Window = { from: "2026-12-23 18:00", to: "2027-01-04 08:00", zone: "Europe/Berlin" };
  expect(isWithin(holidays, at("2026-12-23T16:59Z"))).toBe(false);
  expect(isWithin(holidays, at("2026-12-23T17:00Z"))).toBe(true);
  expect(isWithin(holidays, at("2027-01-04T06:59Z"))).toBe(true);
  expect(isWithin(holidays, at("2027-01-04T07:00Z"))).toBe(false);
});

test("when clocks go forward, a time that they skip is at the end of the gap", () => {
  // Berlin, 29 March 2026: 2:00 becomes 3:00 at 1:00 UTC.
  expect(wallTime(at("2026-03-29T00:59Z"), "Europe/Berlin")).toBe("2026-03-29 01:59");
  expect(wallTime(at("2026-03-29T01:00Z"), "Europe/Berlin")).toBe("2026-03-29 03:00");
  expect(openOn(daily("02:30", "04:00", "Europe/Berlin"), "2026-03-29")).toEqual(["01:00", "01:30"]);
  expect(openOn(daily("01:00", "02:30", "Europe/Berlin"), "2026-03-29")).toEqual([
    ...["00:00", "00:30"],
    ...["23:00", "23:30"], // the next day's, by summer time
  ]);
  expect(openOn(daily("02:00", "03:00", "Europe/Berlin"), "2026-03-29")).toEqual([]); // the hour does not come
  // New York, 8 March 2026: 2:00 becomes 3:00 at 7:00 UTC.
  expect(openOn(daily("02:30", "03:30", "America/New_York"), "2026-03-08")).toEqual(["07:00"]);
});

test("when clocks go back, the hour that they repeat counts both times", () => {
  // Berlin, 25 October 2026: 3:00 becomes 2:00 at 1:00 UTC.
  expect(openOn(daily("02:30", "03:00", "Europe/Berlin"), "2026-10-25")).toEqual(["00:30", "01:30"]);
  expect(openOn(daily("01:30", "02:30", "Europe/Berlin"), "2026-10-25")).toEqual([
    "00:00", // 2:00 for the first time; 1:30 was at 23:30 UTC of the day before
    "01:00",
  ]);
  // Lord Howe Island goes back by half an hour, 5 April 2026 at 15:00 UTC of the day before.
  expect(openOn(daily("01:30", "02:00", "Australia/Lord_Howe"), "2026-04-04")).toEqual(["14:30", "15:00"]);
});

test("the next opening is the first minute at which all windows allow it", () => {
  const office = daily("09:00", "16:00", "Europe/Berlin", [1, 2, 3, 4]);
  const next = (now: string, isOpen: (atMs: number) => boolean, windows: Window[], others: number[] = []) => {
    const found = nextOpening(windows, others, at(now), isOpen);
    return found === undefined ? undefined : new Date(found).toISOString();
  };
  const inOffice = (atMs: number) => isWithin(office, atMs);
  // Thursday evening to Monday morning.
  expect(next("2026-11-26T16:00Z", inOffice, [office])).toBe("2026-11-30T08:00:00.000Z");
  // Over both changes of Berlin's clocks.
  expect(next("2026-03-26T16:00Z", inOffice, [office])).toBe("2026-03-30T07:00:00.000Z");
  expect(next("2026-10-22T16:00Z", inOffice, [office])).toBe("2026-10-26T08:00:00.000Z");
  // In the gap: 2:30 does not come, the window opens at its end.
  const gap = daily("02:30", "04:00", "Europe/Berlin");
  expect(next("2026-03-28T22:00Z", (atMs) => isWithin(gap, atMs), [gap])).toBe("2026-03-29T01:00:00.000Z");
  // After a period that lasts for weeks, and a freeze that ends within a window.
  const holidays: Window = { from: "2026-12-01 00:00", to: "2027-01-04 12:00", zone: "UTC" };
  const both = (atMs: number) => inOffice(atMs) && !isWithin(holidays, atMs);
  expect(next("2026-11-30T20:00Z", both, [office, holidays])).toBe("2027-01-04T12:00:00.000Z");
  const frozenUntil = at("2026-11-30T09:30:20Z");
  expect(
    next("2026-11-30T08:30Z", (atMs) => inOffice(atMs) && atMs >= frozenUntil, [office], [frozenUntil]),
  ).toBe("2026-11-30T09:31:00.000Z");
  expect(next("2026-11-30T08:30Z", () => false, [office])).toBeUndefined();
});

test("many windows of the same hours cost no more looks than one", () => {
  const looks = (windows: readonly Window[]) => {
    let count = 0;
    nextOpening(windows, [], at("2026-11-30T08:30Z"), () => {
      count += 1;
      return false;
    });
    return count;
  };
  const office = daily("09:00", "16:00", "Europe/Berlin");
  expect(looks([office])).toBeGreaterThan(10);
  expect(looks(Array.from({ length: 100 }, () => office))).toBe(looks([office]));
});

test("a wall time is what the zone's own rules say, on days on which clocks are set as on others", () => {
  const zones = [
    ...[
      "UTC",
      "Europe/Berlin",
      "America/New_York",
      "Australia/Lord_Howe",
      "Asia/Kolkata",
      "Africa/Casablanca",
    ],
    ...["Pacific/Apia", "Pacific/Chatham", "America/St_Johns"],
  ];
  const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  for (const timeZone of zones) {
    const format = new Intl.DateTimeFormat("sv", { timeZone, ...date, ...time });
    // Apia left out 30 December 2011; the step meets each time of the day.
    for (let atMs = Date.parse("2011-12-20"); atMs < Date.parse("2013-01-10"); atMs += 367 * 60_000)
      expect(wallTime(atMs, timeZone), timeZone).toBe(format.format(atMs));
  }
});
