/** A stretch of time that a picture shows, from left to right. */
export interface Axis {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Where on the axis a moment is, `0%` to `100%`: pictures grow with the page, their marks and words do not. */
export function at({ fromMs, untilMs }: Axis, atMs: number): string {
  return `${Math.round(shareAt({ fromMs, untilMs }, atMs) * 10_000) / 100}%`;
}

/** How much of the axis a span takes, at least so much that it can be seen. */
export function length(axis: Axis, fromMs: number, untilMs: number): string {
  const share = shareAt(axis, untilMs) - shareAt(axis, fromMs);
  return `${Math.max(0.3, Math.round(share * 10_000) / 100)}%`;
}

function shareAt({ fromMs, untilMs }: Axis, atMs: number): number {
  return Math.min(1, Math.max(0, (atMs - fromMs) / (untilMs - fromMs)));
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

const steps = [
  ...[1, 5, 15, 30].map((minutes) => minutes * minuteMs),
  ...[1, 3, 6, 12].map((hours) => hours * hourMs),
  ...[1, 2, 7, 30, 90].map((days) => days * dayMs),
];

/** Round times of the viewer's clock on the axis, at most `most` of them, and whether they are whole days. */
export function ticksOf(
  { fromMs, untilMs }: Axis,
  most: number,
): { readonly days: boolean; readonly atMs: readonly number[] } {
  const step = steps.find((size) => (untilMs - fromMs) / size <= most) ?? untilMs - fromMs;
  const midnight = new Date(fromMs);
  midnight.setHours(0, 0, 0, 0);
  const found: number[] = [];
  for (let tick = midnight.getTime(); tick <= untilMs; tick = after(tick, step))
    if (tick >= fromMs) found.push(tick);
  return { days: step >= dayMs, atMs: found };
}

/** A day may have 23 or 25 hours. */
function after(atMs: number, step: number): number {
  if (step < dayMs) return atMs + step;
  const next = new Date(atMs);
  next.setDate(next.getDate() + Math.round(step / dayMs));
  return next.getTime();
}
