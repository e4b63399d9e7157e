import type { Window } from "../../domain/policy/windows.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;

/** One for each zone: to make one takes a hundred times as long as to use it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const date = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const made = new Intl.DateTimeFormat("en", { timeZone: zone, ...date, ...time });
  formats.set(zone, made);
  return made;
}

/** So many days of a zone are remembered; then the memory is given back, and filled again. */
const mostRemembered = 500;

/** By zone and day (UTC): how far (ms) its clocks are ahead of UTC all day long; undefined on a day on which they are set. */
const offsets = new Map<string, Map<number, number | undefined>>();

/** What clocks of the zone show at this moment (Unix time in ms): `YYYY-MM-DD HH:MM`. */
export function wallTime(atMs: number, zone: string): string {
  const ahead = aheadAllDay(atMs, zone);
  if (ahead === undefined) return shownBy(atMs, zone);
  return new Date(atMs + ahead).toISOString().slice(0, 16).replace("T", " ");
}

/** To ask the zone for each moment takes ten times as long. No zone has ever set its clocks twice within a day. */
function aheadAllDay(atMs: number, zone: string): number | undefined {
  const day = Math.floor(atMs / dayMs);
  const known = offsets.get(zone) ?? new Map<number, number | undefined>();
  if (known.has(day)) return known.get(day);
  const [first, last] = [day * dayMs, (day + 1) * dayMs];
  const ahead = asUtc(shownBy(first, zone)) - first;
  const found = asUtc(shownBy(last, zone)) - last === ahead ? ahead : undefined;
  if (known.size >= mostRemembered) known.clear();
  offsets.set(zone, known.set(day, found));
  return found;
}

function shownBy(atMs: number, zone: string): string {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatOf(zone).formatToParts(atMs)) parts[type] = value;
  return `${parts.year}-${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
}

/** What the clocks of a zone show: the minute of the day, and the day of the week (0 is Sunday). */
interface Shown {
  readonly minute: number;
  readonly day: number;
}

function shownIn(zone: string, atMs: number): Shown {
  const localMs = atMs + offsetAt(atMs, zone);
  const day = Math.floor(localMs / dayMs);
  // 1 January 1970 was a Thursday
  return { minute: Math.floor((localMs - day * dayMs) / minuteMs), day: (day + 4) % 7 };
}

/** Whether windows are open at this moment; the clock of each zone is read once. */
export function openAt(atMs: number): (window: Window) => boolean {
  const shown = remembered((zone) => shownIn(zone, atMs));
  const walls = remembered((zone) => wallTime(atMs, zone));
  return ({ days, from, to, zone }) => {
    if (days === undefined) return from <= walls(zone) && walls(zone) < to;
    const [first, end] = [minutesOf(from), minutesOf(to)];
    const { minute, day } = shown(zone);
    if (first < end) return first <= minute && minute < end && days.includes(day);
    return (first <= minute && days.includes(day)) || (minute < end && days.includes((day + 6) % 7));
  };
}

function remembered<Value>(find: (zone: string) => Value): (zone: string) => Value {
  const known = new Map<string, Value>();
  return (zone) => {
    const found = known.get(zone) ?? find(zone);
    known.set(zone, found);
    return found;
  };
}

/** The wall time read as though it were UTC. */
function asUtc(wall: string): number {
  return Date.parse(`${wall.slice(0, 10)}T00:00Z`) + minutesOf(wall.slice(11)) * minuteMs;
}

function minutesOf(time: string): number {
  const digit = (at: number) => time.charCodeAt(at) - 48;
  return digit(0) * 600 + digit(1) * 60 + digit(3) * 10 + digit(4);
}

/**
 * The first whole minute after `nowMs` at which `isOpen`, which may change only at borders of these windows and at `others` (Unix time in
 * ms), is true. Undefined when there is none within a week of the last border that has a date.
 */
export function nextOpening(
  windows: readonly Window[],
  others: readonly number[],
  nowMs: number,
  isOpen: (atMs: number) => boolean,
): number | undefined {
  let before = nowMs;
  for (const border of inOrder([...bordersOf(windows, others, nowMs), ...others])) {
    const at = Math.ceil(border / minuteMs) * minuteMs;
    if (at <= before) continue;
    if (isOpen(at)) return firstOpen(before, at, isOpen);
    before = at;
  }
  return undefined;
}

/** Numbers of a typed array are sorted without a call for each two. */
function inOrder(moments: readonly number[]): Float64Array {
  return Float64Array.from(moments).sort();
}

/** A change of the zone's clock may open a window before its border: between two borders there is at most one such moment. */
function firstOpen(closedMs: number, openMs: number, isOpen: (atMs: number) => boolean): number {
  let [low, high] = [Math.floor(closedMs / minuteMs), openMs / minuteMs];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isOpen(middle * minuteMs)) high = middle;
    else low = middle;
  }
  return high * minuteMs;
}

/**
 * The whole minutes within the next two weeks at which `state`, which may change only at borders of these windows and at `others` (Unix
 * time in ms), is not what it was a minute before.
 */
export function changesWithin2Weeks(
  windows: readonly Window[],
  others: readonly number[],
  nowMs: number,
  state: (atMs: number) => string,
): readonly number[] {
  const [middleMs, endMs] = [nowMs + 7 * dayMs, nowMs + 14 * dayMs];
  const borders = [...bordersOf(windows, [...others, middleMs], nowMs), ...others, endMs];
  const found: number[] = [];
  let before = nowMs;
  for (const border of inOrder(borders)) {
    const at = Math.ceil(border / minuteMs) * minuteMs;
    if (at <= before || at > endMs) continue;
    for (let was = state(before); was !== state(at); was = state(before)) {
      before = firstOpen(before, at, (atMs) => state(atMs) !== was);
      found.push(before);
    }
    before = at;
  }
  return found.filter((atMs) => atMs < endMs);
}

function bordersOf(windows: readonly Window[], others: readonly number[], nowMs: number): readonly number[] {
  const dated = windows.flatMap(({ days, from, to, zone }) =>
    days === undefined ? [...moments(from, zone), ...moments(to, zone)] : [],
  );
  const anchors = [nowMs, ...[...dated, ...others].filter((at) => at > nowMs)];
  const weekly = [...Map.groupBy(windows, ({ zone }) => zone)].flatMap(([zone, own]) => {
    const times = new Set(own.flatMap(({ days, from, to }) => (days === undefined ? [] : [from, to])));
    const starts = times.size === 0 ? [] : new Set(anchors.flatMap((anchor) => daysFrom(anchor, zone)));
    const minutes = [...times].map((time) => minutesOf(time) * minuteMs);
    return [...starts].flatMap((start) => {
      const offsets = new Set([offsetAt(start - dayMs, zone), offsetAt(start + 2 * dayMs, zone)]);
      return [...offsets].flatMap((offset) => minutes.map((minute) => start + minute - offset));
    });
  });
  return [...dated, ...weekly];
}

/** The beginnings, read as though they were UTC, of the day of this moment and the eight that follow, by the calendar: a day may have 23 or 25 hours. */
function daysFrom(atMs: number, zone: string): readonly number[] {
  const first = Math.floor(asUtc(wallTime(atMs, zone)) / dayMs) * dayMs;
  return Array.from({ length: 9 }, (_, day) => first + day * dayMs);
}

/** When clocks of the zone show this: one moment, two where they are set, a near one where they never do. */
function moments(wall: string, zone: string): readonly number[] {
  const utc = asUtc(wall);
  return [utc - offsetAt(utc - dayMs, zone), utc - offsetAt(utc + dayMs, zone)];
}

/** How far (ms) the zone's clocks are ahead of UTC. */
function offsetAt(atMs: number, zone: string): number {
  return aheadAllDay(atMs, zone) ?? asUtc(shownBy(atMs, zone)) - atMs;
}
