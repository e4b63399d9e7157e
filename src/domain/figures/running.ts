import type { KilnEvent } from "../event.ts";
import { minuteMs, type TrafficSpan } from "../traffic/traffic.ts";
import { isWithin, type Period, sequences } from "./delivery.ts";
import { type Figure, figure, judged, noted } from "./figure.ts";
import { median, quantile } from "./statistics.ts";

/** The events that these figures are read from. */
export const runningKinds: readonly string[] = [
  ...["drift.found", "server.tainted", "server.started", "server.ready", "exec.started"],
  ...["policy.overridden", "policy.reviewed"],
];

/** The figures of a service that runs: what was changed in it from outside, and how soon that was put right. */
export function driftFigures(events: readonly KilnEvent[], period: Period): readonly Figure[] {
  const of = (kind: string) => events.filter((event) => event.kind === kind && isWithin(event, period));
  const found = of("drift.found");
  const sessions = of("exec.started");
  const overridden = of("policy.overridden");
  const reviewed = new Set(
    events.filter(({ kind }) => kind === "policy.reviewed").map(({ data }) => data.rollout),
  );
  const due = overridden.filter(({ data }) => !reviewed.has(data.rollout));
  return [
    figure({
      name: "drift",
      n: found.length,
      value: found.length,
      more: byKind(found),
      events: sequences(found),
    }),
    replacement(of("server.tainted"), events),
    figure({
      ...{ name: "changes-by-hand", n: sessions.length, value: sessions.length },
      events: sequences(sessions),
    }),
    figure({
      ...{ name: "break-glass", n: overridden.length, value: overridden.length },
      notes: noted(due.length, "not reviewed yet"),
      events: sequences(overridden),
    }),
  ];
}

function byKind(found: readonly KilnEvent[]): Readonly<Record<string, number>> {
  const kinds = Map.groupBy(found, ({ data }) => String(data.finding));
  return Object.fromEntries([...kinds].map(([kind, of]) => [kind, of.length]));
}

/** A taint that is only reported leads to no replacement. */
function replacement(taints: readonly KilnEvent[], events: readonly KilnEvent[]): Figure {
  const due = taints.filter(({ data }) => data.response !== "report");
  const successors = successorsOf(events);
  const replaced = due.flatMap((taint) => {
    const ready = successors.get(taint.data.server);
    return ready === undefined ? [] : [{ taint, ready }];
  });
  const times = replaced.map(({ taint, ready }) => Math.max(0, ready.atMs - taint.atMs));
  const slowest = quantile(times, 0.9);
  return judged({
    ...{ name: "drift-replacement", n: times.length, value: median(times) },
    more: slowest === undefined ? {} : { "90 %": slowest },
    notes: noted(
      due.length - replaced.length,
      "tainted servers have no known successor that was ready",
      "tainted server has no known successor that was ready",
    ),
    events: sequences(replaced.flatMap(({ taint, ready }) => [taint, ready])),
  });
}

/** By tainted server, when the one that took its place was ready. Only one of both events may say whose place it is. */
function successorsOf(events: readonly KilnEvent[]): ReadonlyMap<unknown, KilnEvent> {
  const places = new Map<unknown, unknown>();
  const ready = new Map<unknown, KilnEvent>();
  for (const event of events) {
    const { server, takesPlaceOf } = event.data;
    if (takesPlaceOf !== undefined) places.set(server, takesPlaceOf);
    const place = places.get(server);
    if (event.kind === "server.ready" && place !== undefined && !ready.has(place)) ready.set(place, event);
  }
  return ready;
}

/** How much of the period the service was up, by what it answered and by what was seen of its servers. */
export function uptimeFigures(spans: readonly TrafficSpan[]): readonly Figure[] {
  const requests = sum(spans.map((span) => span.requests));
  const errors = sum(spans.map((span) => span.errors));
  const moments = [...Map.groupBy(spans, ({ atMs, spanMs }) => `${atMs} ${spanMs}`).values()].map(minutesOf);
  const minutes = sum(moments.map((moment) => moment.minutes));
  const least = sum(moments.map((moment) => moment.least));
  const most = sum(moments.map((moment) => moment.most));
  return [
    judged({
      name: "uptime-requests",
      n: requests,
      value: (requests - errors) / requests,
      notes: noted(errors, "failed"),
    }),
    judged({
      ...{ name: "uptime-minutes", n: minutes, value: least / minutes },
      more: least === most ? {} : { "at most": most / minutes },
    }),
  ];
}

/** Of the releases that shared a minute or an hour, any may have been the one that was ready. */
function minutesOf(spans: readonly TrafficSpan[]): {
  readonly minutes: number;
  readonly least: number;
  readonly most: number;
} {
  const minutes = Math.max(...spans.map((span) => span.minutes));
  const ready = spans.map((span) => span.readyMinutes);
  const least = Math.max(...ready);
  const isMinute = spans.every((span) => span.spanMs === minuteMs);
  return { minutes, least, most: isMinute ? least : Math.min(minutes, sum(ready)) };
}

/** What the service consists of now; undefined where nothing is, or can be seen. */
export interface Ages {
  readonly servers: number;
  readonly oldestServerMs: number | undefined;
  readonly imageMs: number | undefined;
}

export function ageFigures({ servers, oldestServerMs, imageMs }: Ages): readonly Figure[] {
  return [
    figure({ name: "server-age", n: servers, value: oldestServerMs }),
    figure({ name: "image-age", n: imageMs === undefined ? 0 : 1, value: imageMs }),
  ];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
