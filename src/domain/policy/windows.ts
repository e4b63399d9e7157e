/**
 * A time of the week, or one period, in wall time of a zone of the IANA database. The end is not part of it. An hour that the clock
 * repeats counts both times; a time that the clock skips is at the end of the gap.
 */
export type Window = Weekly | Period;

/** `to` at or before `from` is on the next day. */
interface Weekly {
  /** 0 is Sunday. */
  readonly days: readonly number[];
  /** `HH:MM`, `to` also `24:00`. */
  readonly from: string;
  readonly to: string;
  readonly zone: string;
}

interface Period {
  readonly days?: undefined;
  /** `YYYY-MM-DD HH:MM`. */
  readonly from: string;
  readonly to: string;
  readonly zone: string;
}

/** Days are 0 (Sunday) to 6. */
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** `mon-thu 09:00-16:00 Europe/Berlin`. */
export function windowText({ days, from, to, zone }: Window): string {
  if (days === undefined) return `${from} to ${to} ${zone}`;
  const order = [1, 2, 3, 4, 5, 6, 0].filter((day) => days.includes(day));
  return `${order.length === 7 ? "every day" : order.map((day) => dayNames[day]).join(", ")} ${from}-${to} ${zone}`;
}

/**
 * `mon-thu`, `sat, sun`, `fri-mon`: as numbers, 0 is Sunday. Undefined where it is something else.
 */
export function parseDays(text: string): readonly number[] | undefined {
  const found = new Set<number>();
  for (const part of text.toLowerCase().split(",")) {
    const [first, last = first, more] = part.trim().split("-").map(dayNumber);
    if (first === undefined || first < 0 || last === undefined || last < 0 || more !== undefined)
      return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      found.add(day);
      if (day === last) break;
    }
  }
  return [...found].toSorted();
}

function dayNumber(name: string): number {
  return (dayNames as readonly string[]).indexOf(name.trim());
}
