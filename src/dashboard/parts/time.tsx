import { now } from "../live.ts";
import { ago } from "../words.ts";

const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });

/** In the viewer's zone. */
export const clockTime = (atMs: number) => clock.format(atMs);
export const dayOf = (atMs: number) => day.format(atMs);
export const weekdayOf = (atMs: number) => weekday.format(atMs);

/** `3 h ago`, with the whole moment in the viewer's zone on demand. */
export function Ago({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={full.format(at)}>
      {ago(at, now.value)}
    </time>
  );
}

export function Clock({ at }: { readonly at: number }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={full.format(at)}>
      {clockTime(at)}
    </time>
  );
}

/** The whole moment: for tables next to a picture. */
export function Moment({ at }: { readonly at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{full.format(at)}</time>;
}
