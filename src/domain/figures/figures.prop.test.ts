import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { KilnEvent } from "../event.ts";
import { deliveryFigures } from "./delivery.ts";
import { deploymentsOf } from "./deployments.ts";
import type { Figure } from "./figure.ts";
import { median, quantile } from "./statistics.ts";

const hour = 3_600_000;

type Step = {
  readonly what: "deploy" | "rollback";
  readonly end: string;
  readonly moves: number;
  readonly hours: number;
};

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom("deploy", "deploy", "deploy", "rollback"),
  end: fc.constantFrom("completed", "completed", "turned-back", "failed", "superseded", "open"),
  moves: fc.integer({ min: 0, max: 3 }),
  hours: fc.integer({ min: 0, max: 200 }),
});

/** A log as a controller writes it: one rollout after the other, each with its events in their order. */
function logOf(steps: readonly Step[]): readonly KilnEvent[] {
  const events: KilnEvent[] = [];
  let [atMs, last, serving] = [0, 0, 0];
  const add = (kind: string, data: KilnEvent["data"], ms = 60_000) => {
    atMs += ms;
    events.push({ sequence: events.length + 1, atMs, service: "shop", kind, message: "", data });
  };
  for (const [i, { what, end, moves, hours }] of steps.entries()) {
    const to = what === "deploy" ? ++last : Math.max(1, serving - 1);
    const own = { rollout: i + 1, from: serving, to };
    const commits = { newest: [{ id: "a".repeat(40), atMs }], complete: true };
    add("rollout.started", { ...own, journey: what, ...(i % 3 === 0 ? {} : { commits }) }, hours * hour);
    for (let move = 0; move < moves || (end === "completed" && move === 0); move++) add("rollout.moved", own);
    if (end === "open") continue;
    add(`rollout.${end}`, own);
    if (end === "turned-back") add("rollout.rolled-back", own);
    if (end === "completed") serving = to;
  }
  return events;
}

const log = fc.array(step, { maxLength: 40 }).map(logOf);
const always = { sinceMs: 0, untilMs: 41 * 201 * hour };
const named = (figures: readonly Figure[], name: Figure["name"]) => figures.find((one) => one.name === name);

test("a share is between none and all, and each event that a figure comes from is in the log", () => {
  fc.assert(
    fc.property(log, (events) => {
      for (const { value, n, events: marks, name } of deliveryFigures(deploymentsOf(events), always)) {
        if (value !== undefined) expect(value, name).toBeGreaterThanOrEqual(0);
        if (value !== undefined && name.endsWith("rate")) expect(value).toBeLessThanOrEqual(1);
        expect(n).toBeGreaterThanOrEqual(0);
        expect(marks.every((sequence) => events[sequence - 1]?.kind.startsWith("rollout."))).toBe(true);
      }
    }),
  );
});

test("with fewer than five deployments there is no rate, time or frequency", () => {
  fc.assert(
    fc.property(log, (events) => {
      const figures = deliveryFigures(deploymentsOf(events), always);
      const few = (named(figures, "fail-rate")?.n ?? 0) < 5;
      for (const { name, value } of figures)
        if (few && name !== "caught-before-traffic") expect(value, name).toBeUndefined();
    }),
  );
});

test("every deploy is a deployment, was caught before traffic, or ended before either was known", () => {
  fc.assert(
    fc.property(log, (events) => {
      const all = deploymentsOf(events);
      const figures = deliveryFigures(all, always);
      const open = all.filter((one) => one.moved === undefined && one.failed === undefined);
      const deploys = events.filter(({ data }) => data.journey === "deploy");
      const counted =
        (named(figures, "fail-rate")?.n ?? 0) + (named(figures, "caught-before-traffic")?.n ?? 0);
      expect(counted + open.length).toBe(deploys.length);
    }),
  );
});

test("periods that follow each other count each deployment once", () => {
  fc.assert(
    fc.property(log, fc.nat(40 * 200 * hour), (events, middleMs) => {
      const all = deploymentsOf(events);
      const n = (period: typeof always) =>
        deliveryFigures(all, period).map(({ name, n: count }) => (name === "fail-rate" ? count : 0));
      const parts = [n({ ...always, untilMs: middleMs }), n({ ...always, sinceMs: middleMs })];
      expect(n(always)).toEqual(parts[0]?.map((count, i) => count + (parts[1]?.[i] ?? 0)));
    }),
  );
});

test("what happens to other services, and the rest of the log, changes nothing", () => {
  fc.assert(
    fc.property(log, (events) => {
      const noise = events.flatMap((event) => [
        { ...event, kind: "server.ready", data: { server: "x", rollout: event.data.rollout } },
        event,
      ]);
      expect(deploymentsOf(noise)).toEqual(deploymentsOf(events));
    }),
  );
});

test("a deployment that has failed recovers after that, and never before its traffic", () => {
  fc.assert(
    fc.property(log, (events) => {
      for (const { failed, recovered, started } of deploymentsOf(events)) {
        if (recovered === undefined) continue;
        expect(failed?.sequence).toBeLessThanOrEqual(recovered.sequence);
        expect(recovered.sequence).toBeGreaterThan(started.sequence);
      }
    }),
  );
});

test("a median is one of the values, with half of them on either side", () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), (values) => {
      const middle = median(values) ?? Number.NaN;
      expect(values).toContain(middle);
      expect(values.filter((value) => value <= middle).length * 2).toBeGreaterThanOrEqual(values.length);
      expect(values.filter((value) => value < middle).length * 2).toBeLessThanOrEqual(values.length);
      expect(quantile(values, 1)).toBe(Math.max(...values));
    }),
  );
  expect(median([])).toBeUndefined();
});
