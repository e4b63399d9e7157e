import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { KilnEvent } from "../event.ts";
import { hourMs, minuteMs, type TrafficSpan } from "../traffic/traffic.ts";
import { definitions } from "./definitions.ts";
import { deliveryFigures } from "./delivery.ts";
import { deploymentsOf } from "./deployments.ts";
import type { Figure } from "./figure.ts";
import { ageFigures, driftFigures, uptimeFigures } from "./running.ts";

const day = 24 * hourMs;
const period = { sinceMs: 0, untilMs: 28 * day };

class Log {
  readonly events: KilnEvent[] = [];
  #rollout = 0;

  at(atMs: number, kind: string, data: KilnEvent["data"]): number {
    const sequence = this.events.length + 1;
    this.events.push({ sequence, atMs, service: "shop", kind, message: "", data });
    return sequence;
  }

  /** One hour long; traffic after half of it. */
  rollout(atMs: number, to: number, end: string, more: KilnEvent["data"] = {}): number {
    const own = { rollout: ++this.#rollout, to };
    this.at(atMs, "rollout.started", { ...own, journey: "deploy", ...more });
    this.at(atMs + hourMs / 2, "rollout.moved", own);
    if (end === "rolled-back") this.at(atMs + hourMs / 2 + minuteMs, "rollout.turned-back", own);
    return this.at(atMs + hourMs, `rollout.${end}`, own);
  }
}

const delivery = (log: Log) => deliveryFigures(deploymentsOf(log.events), period);
function named(figures: readonly Figure[], name: Figure["name"]): Figure {
  const found = figures.find((figure) => figure.name === name);
  if (found === undefined) throw new Error(`no figure ${name}`);
  return found;
}

/** Five deployments on five days; the second turns back, and the fourth is left by a rollback. */
function fourWeeks(): Log {
  const log = new Log();
  const commits = (atMs: number) => ({ newest: [{ id: "c", atMs }], complete: true });
  log.rollout(day, 1, "completed", { commits: commits(day) });
  log.rollout(8 * day, 2, "rolled-back", { from: 1, commits: commits(7 * day) });
  log.rollout(8 * day + 12 * hourMs, 3, "completed", { from: 1, commits: commits(8 * day) });
  log.rollout(20 * day, 4, "completed", { from: 3 });
  log.rollout(20 * day + 3 * hourMs, 3, "completed", { from: 4, journey: "rollback" });
  log.rollout(25 * day, 5, "completed", { from: 3, commits: commits(24 * day) });
  return log;
}

test("rates count what had traffic: a rollback does not, and marks the one that it leaves", () => {
  const figures = delivery(fourWeeks());
  expect(named(figures, "fail-rate")).toMatchObject({ value: 2 / 5, n: 5, events: [6, 14] });
  expect(named(figures, "caught-before-traffic")).toMatchObject({ value: 0 });
});

test("a frequency is made of the deployments in whole weeks alone", () => {
  const log = fourWeeks(); // the first of its five lies before the three whole weeks
  const few = { value: undefined, n: 4, events: [5, 9, 12, 18] };
  expect(named(delivery(log), "deployment-frequency")).toMatchObject(few);
  log.rollout(26 * day, 6, "completed", { from: 5 });
  expect(named(delivery(log), "deployment-frequency")).toMatchObject({ value: 5 / 3, n: 5 });
});

test("what follows a failure within a day is rework, and marked as a guess", () => {
  const { value, guessed, events } = named(delivery(fourWeeks()), "rework-rate");
  expect([value, guessed, events]).toEqual([1 / 5, true, [8]]);
});

test("deployments whose commits are not known do not count as instant ones", () => {
  const log = fourWeeks();
  expect(named(delivery(log), "lead-time")).toMatchObject({
    value: undefined, // three with known commits are not enough
    n: 3,
    notes: ["1 of 4 deployments have unknown commits"],
  });
  for (const i of [1, 2])
    log.rollout((25 + i) * day, 5 + i, "completed", { commits: { newest: [], complete: false } });
  expect(named(delivery(log), "lead-time")).toMatchObject({
    ...{ value: 13 * hourMs, n: 3, more: { "90 %": 25 * hourMs } },
    notes: ["1 of 6 deployments have unknown commits", "2 deployments have more commits than are known"],
  });
});

test("a failed deployment recovers when another release has all the traffic", () => {
  const log = new Log();
  for (const i of [1, 2, 3, 4, 5]) log.rollout(i * day, i, "rolled-back");
  log.rollout(6 * day, 6, "failed");
  const { value, n, notes } = named(delivery(log), "recovery-time");
  expect([value, n, notes]).toEqual([hourMs / 2, 5, ["1 failed deployment has not recovered yet"]]);
});

test("what turns back before traffic is caught, and no deployment", () => {
  const log = new Log();
  log.at(1, "rollout.started", { rollout: 1, to: 1, journey: "deploy" });
  const sequence = log.at(2, "rollout.turned-back", { rollout: 1 });
  log.at(3, "rollout.rolled-back", { rollout: 1 });
  const figures = delivery(log);
  expect(named(figures, "caught-before-traffic")).toMatchObject({ value: 1, events: [sequence] });
  expect(named(figures, "fail-rate")).toMatchObject({ value: undefined, n: 0 });
});

test("drift counts by kind, and the time until a successor was ready", () => {
  const log = new Log();
  for (const i of [1, 2, 3, 4, 5, 6]) {
    log.at(i * day, "drift.found", { server: `s${i}`, finding: i === 1 ? "mount" : "process" });
    log.at(i * day, "server.tainted", { server: `s${i}`, response: i === 6 ? "report" : "replace" });
    log.at(i * day + 1, "server.started", { server: `t${i}`, takesPlaceOf: `s${i}` });
    log.at(i * day + i * 1000, "server.ready", { server: `t${i}` });
    log.at(i * day + hourMs, "server.ready", { server: `t${i}` });
  }
  log.at(8 * day, "exec.started", { server: "s9" });
  const figures = driftFigures(log.events, period);
  expect(named(figures, "drift")).toMatchObject({ value: 6, more: { mount: 1, process: 5 } });
  expect(named(figures, "drift-replacement")).toMatchObject({
    value: 3_000,
    n: 5,
    more: { "90 %": 5_000 },
    notes: [],
  });
  expect(named(figures, "changes-by-hand")).toMatchObject({ value: 1, events: [31] });
});

test("what began against policies counts, and what no one has reviewed is noted", () => {
  const log = new Log();
  log.at(1, "policy.overridden", { rollout: 7 });
  log.at(2, "policy.overridden", { rollout: 8 });
  log.at(3, "policy.reviewed", { rollout: 7 });
  expect(named(driftFigures(log.events, period), "break-glass")).toMatchObject({
    ...{ value: 2, n: 2, notes: ["1 not reviewed yet"], events: [1, 2] },
  });
});

test("uptime by requests, and by minutes as far as an hour tells", () => {
  const span = (of: Partial<TrafficSpan>): TrafficSpan => ({
    ...{ service: "shop", release: 1, requests: 0, errors: 0, latency: [], atMs: 0, spanMs: minuteMs },
    ...{ leastReady: 1, minutes: 1, readyMinutes: 1, ...of },
  });
  const spans = [
    span({ requests: 90, errors: 9 }),
    span({ requests: 10, release: 2, leastReady: 0, readyMinutes: 0 }),
    span({ atMs: minuteMs, leastReady: 0, readyMinutes: 0 }),
    span({ atMs: hourMs, spanMs: hourMs, minutes: 60, readyMinutes: 30 }),
    span({ atMs: hourMs, spanMs: hourMs, minutes: 60, readyMinutes: 31, release: 2 }),
  ];
  const figures = uptimeFigures(spans);
  expect(named(figures, "uptime-requests")).toMatchObject({ value: 0.91, n: 100, notes: ["9 failed"] });
  expect(named(figures, "uptime-minutes")).toMatchObject({
    value: 32 / 62,
    n: 62,
    more: { "at most": 61 / 62 },
  });
  expect(named(uptimeFigures([]), "uptime-requests")).toMatchObject({ value: undefined, n: 0 });
});

test("docs/figures.md has each definition, word for word", () => {
  const page = readFileSync(new URL("../../../docs/figures.md", import.meta.url), "utf8");
  const all = [...deliveryFigures([], period), ...uptimeFigures([]), ...driftFigures([], period)];
  const ages = ageFigures({ servers: 0, oldestServerMs: undefined, imageMs: undefined });
  expect([...all, ...ages].map(({ name }) => name)).toEqual(Object.keys(definitions));
  for (const { title, definition } of Object.values(definitions))
    expect(page).toContain(`| ${title} | ${definition} |`);
});
