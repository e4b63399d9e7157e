import type { Answer } from "../../api/contract/types.ts";

type Rollout = Pick<Answer<"rollout">, "id" | "from" | "to" | "steps" | "startedAtMs" | "endedAtMs">;
type KilnEvent = Answer<"events">;

/** From this moment on the new release has this share of new traffic. */
export interface SharePoint {
  readonly atMs: number;
  readonly share: number;
}

/** Something to mark on the time axis. */
export interface Mark {
  readonly atMs: number;
  readonly words: string;
  readonly tone: "moving" | "warn" | "bad" | "good";
}

const isOf = (id: number) => (event: KilnEvent) => event.data.rollout === id;

/** The share of the new release over time, as the log tells it. */
export function sharePoints(rollout: Rollout, events: readonly KilnEvent[]): readonly SharePoint[] {
  const points = events.filter(isOf(rollout.id)).flatMap(({ kind, atMs, data }): SharePoint[] => {
    const step = typeof data.step === "number" ? data.step : 0;
    if (kind === "rollout.moved") return [{ atMs, share: rollout.steps[step]?.share ?? 1 }];
    return kind === "rollout.rolled-back" ? [{ atMs, share: 0 }] : [];
  });
  return [{ atMs: rollout.startedAtMs, share: 0 }, ...points];
}

const marked: Readonly<Record<string, Mark["tone"]>> = {
  "rollout.turned-back": "bad",
  "rollout.paused": "warn",
  "rollout.resumed": "moving",
  "rollout.promoted": "moving",
  "rollout.completed": "good",
  "rollout.rolled-back": "bad",
  "rollout.failed": "bad",
};

export function marksOf(rollout: Rollout, events: readonly KilnEvent[]): readonly Mark[] {
  return events.filter(isOf(rollout.id)).flatMap(({ kind, atMs, message }) => {
    const tone = marked[kind];
    return tone === undefined ? [] : [{ atMs, words: message, tone }];
  });
}

/** The outline of the area below the new release's share, as an SVG path; `x` and `y` place moments and shares. */
export function areaPath(
  points: readonly SharePoint[],
  untilMs: number,
  x: (atMs: number) => number,
  y: (share: number) => number,
): string {
  const corners = points.flatMap(({ atMs, share }, n) => {
    const before = points[n - 1]?.share ?? 0;
    return [`${x(atMs)},${y(before)}`, `${x(atMs)},${y(share)}`];
  });
  const last = points.at(-1)?.share ?? 0;
  return `M${[...corners, `${x(untilMs)},${y(last)}`, `${x(untilMs)},${y(0)}`].join("L")}Z`;
}
