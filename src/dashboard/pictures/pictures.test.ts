import { describe, expect, test } from "vitest";
import { aRollout } from "../../domain/testing.ts";
import { at, dayMs, length, ticksOf } from "./axis.ts";
import { linesOf } from "./calendar-lines.ts";
import { periodOf, spread, trailsOf } from "./drift-trails.ts";
import { lifelinesOf } from "./lifelines.ts";
import { areaPath, marksOf, sharePoints } from "./shares.ts";
import { axisEnd, columnsOf } from "./traffic.ts";

const event = (atMs: number, kind: string, data: Record<string, unknown>) => ({
  ...{ sequence: atMs, atMs, kind, service: "shop", message: kind, data },
});

describe("shares of traffic", () => {
  const rollout = aRollout({
    id: 7,
    startedAtMs: 0,
    steps: [...[0.2, 1].map((share) => ({ share, holdMs: 0 }))],
  });
  const events = [
    event(1, "rollout.moved", { rollout: 7, step: 0 }),
    event(2, "rollout.moved", { rollout: 8, step: 1 }),
    event(3, "rollout.turned-back", { rollout: 7, step: 0 }),
    event(4, "rollout.rolled-back", { rollout: 7, step: 0 }),
  ];
  test("follow the log of this rollout", () => {
    expect(sharePoints(rollout, events)).toEqual([
      ...[{ atMs: 0, share: 0 }],
      ...[{ atMs: 1, share: 0.2 }],
      ...[{ atMs: 4, share: 0 }],
    ]);
    expect(marksOf(rollout, events).map(({ atMs }) => atMs)).toEqual([3, 4]);
  });
  test("change at once, not along a slope", () => {
    const path = areaPath(
      sharePoints(rollout, events.slice(0, 1)),
      10,
      (ms) => ms,
      (share) => share * 100,
    );
    expect(path).toBe("M0,0L0,0L1,0L1,20L10,20L10,0Z");
  });
});

test("a server's life is its states one after the other, to its end", () => {
  const of = { server: "shop-1-1-1", release: 1 };
  const events = [
    event(1, "server.started", of),
    event(2, "server.ready", of),
    event(3, "rollout.moved", { rollout: 1 }),
    event(4, "server.draining", of),
    event(5, "server.destroyed", of),
    event(6, "server.started", { server: "shop-2-1-1", release: 2 }),
  ];
  const lines = lifelinesOf(events);
  expect(lines[0]?.spans.map(({ state, fromMs, toMs }) => [state, fromMs, toMs])).toEqual([
    ...[["starting", 1, 2]],
    ...[["ready", 2, 4]],
    ...[["draining", 4, 5]],
  ]);
  expect(lines[1]?.spans[0]?.toMs).toBeUndefined();
  expect(lifelinesOf(events, 4).map(({ server, spans }) => [server, spans.length])).toEqual([
    ...[["shop-1-1-1", 1]],
    ...[["shop-2-1-1", 1]],
  ]);
  expect(lifelinesOf(events, 5).map(({ server }) => server)).toEqual(["shop-2-1-1"]);
});

test("traffic has a column for each minute, also for those without any", () => {
  const span = {
    service: "shop",
    latency: [],
    spanMs: 60_000 as const,
    leastReady: 1,
    minutes: 1,
    readyMinutes: 1,
  };
  const columns = columnsOf(
    [
      { ...span, release: 2, atMs: 120_000, requests: 5, errors: 1 },
      { ...span, release: 1, atMs: 120_000, requests: 3, errors: 0 },
    ],
    60_000,
    180_000,
  );
  expect(columns.map(({ requests, errors }) => [requests, errors])).toEqual([
    [...[0, 0]],
    [...[8, 1]],
    [...[0, 0]],
  ]);
  expect(columns[1]?.parts.map(({ release }) => release)).toEqual([1, 2]);
  expect([0, 1, 3, 20, 21, 999].map(axisEnd)).toEqual([1, 1, 5, 20, 50, 1_000]);
});

describe("an axis of time", () => {
  const axis = { fromMs: 1_000, untilMs: 2_000 };
  test("has a place for each moment, and shows what is short", () => {
    expect([at(axis, 1_000), at(axis, 1_250), at(axis, 9_000)]).toEqual(["0%", "25%", "100%"]);
    expect([length(axis, 1_250, 1_750), length(axis, 1_250, 1_251)]).toEqual(["50%", "0.3%"]);
  });
  test("has few round times", () => {
    const fromMs = new Date(2026, 10, 30, 9, 7).getTime();
    const hours = ticksOf({ fromMs, untilMs: fromMs + 4 * 3_600_000 }, 5);
    expect(hours.days).toBe(false);
    expect(hours.atMs.map((tick) => new Date(tick).getHours())).toEqual([10, 11, 12, 13]);
    const days = ticksOf({ fromMs, untilMs: fromMs + 14 * dayMs }, 5);
    expect(days.days).toBe(true);
    expect(new Set(days.atMs.map((tick) => new Date(tick).getHours()))).toEqual(new Set([0]));
    expect(days.atMs.length).toBeLessThanOrEqual(5);
  });
});

describe("what happened to a changed server", () => {
  const server = "shop-1-1-1";
  const events = [
    event(1, "server.destroyed", { server: "shop-0-1-1" }),
    event(10, "exec.started", { server, session: 4, actor: { name: "ada" } }),
    event(20, "drift.found", { server }),
    event(21, "server.quarantined", { server }),
    event(22, "drift.found", { server }),
    event(30, "exec.ended", { server, session: 4 }),
    event(31, "server.ready", { server: "shop-1-1-2", takesPlaceOf: server }),
    event(32, "server.ready", { server: "shop-1-1-2", takesPlaceOf: server }),
  ];
  const [trail, ...others] = trailsOf(events);
  test("is on its line, with who was in it; other servers have none", () => {
    expect(others).toEqual([]);
    expect(trail).toMatchObject({ server, sessions: [{ fromMs: 10, toMs: 30, who: "ada" }] });
    expect(trail?.marks.map(({ kind }) => kind)).toEqual(["found", "taken", "found", "replaced"]);
  });
  test("is seen whole: what is of one moment stands side by side", () => {
    const axis = periodOf(trail === undefined ? [] : [trail], 40);
    expect(axis.fromMs).toBeLessThan(10);
    const { marks = [] } = trail ?? {};
    expect(spread(marks, axis).map(({ away }) => away)).toEqual([-1.5, -0.5, 0.5, 1.5]);
    expect(spread(marks, { fromMs: 10, untilMs: 40 }).map(({ away }) => away)).toEqual([0, 0, 0, 0]);
  });
});

test("of the calendar, services of an environment are one line, and one with a freeze of its own has another", () => {
  const open = [{ fromMs: 1, untilMs: 9, shut: [] }];
  const frozen = [
    { fromMs: 1, untilMs: 9, shut: [{ kind: "freeze" as const, place: "freeze 3", because: "it moves" }] },
  ];
  const of = (service: string, environment: string, stretches: typeof open | typeof frozen) => ({
    ...{ service, environment, stretches },
  });
  const lines = linesOf([
    ...[of("shop.production", "production", open), of("bank.production", "production", open)],
    ...[of("search", "none", open), of("mail", "none", frozen), of("docs", "none", open)],
  ]);
  expect(lines.map(({ name }) => name)).toEqual(["mail", "production", "search, docs"]);
});
