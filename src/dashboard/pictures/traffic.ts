import type { Answer } from "../../api/contract/types.ts";

/** One minute or hour of the picture: how many requests of each release, and how many of all failed. */
export interface Column {
  readonly atMs: number;
  readonly parts: readonly { readonly release: number; readonly requests: number }[];
  readonly requests: number;
  readonly errors: number;
}

/** A column for each minute from `sinceMs` until now, also for those without any traffic. */
export function columnsOf(spans: Answer<"traffic">, sinceMs: number, untilMs: number): readonly Column[] {
  const minuteMs = 60_000;
  const first = Math.ceil(sinceMs / minuteMs) * minuteMs;
  const columns = Math.max(0, Math.floor((untilMs - first) / minuteMs) + 1);
  return Array.from({ length: columns }, (_, n) => {
    const atMs = first + n * minuteMs;
    const here = spans.filter((span) => span.atMs === atMs).toSorted((a, b) => a.release - b.release);
    return {
      atMs,
      parts: here.map(({ release, requests }) => ({ release, requests })),
      requests: here.reduce((sum, { requests }) => sum + requests, 0),
      errors: here.reduce((sum, { errors }) => sum + errors, 0),
    };
  });
}

/** The next of 1, 2, 5, 10, 20, 50, … that is not below the highest value: where an axis ends. */
export function axisEnd(highest: number): number {
  const ten = 10 ** Math.floor(Math.log10(Math.max(1, highest)));
  return [1, 2, 5, 10].map((times) => times * ten).find((end) => end >= highest) ?? 10 * ten;
}
