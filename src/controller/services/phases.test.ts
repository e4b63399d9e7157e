import { expect, test } from "vitest";
import { aRollout } from "../../domain/testing.ts";
import { phasesOf } from "./phases.ts";

const event = (kind: string, atMs: number, rollout = 1) => ({
  ...{ sequence: atMs, atMs, kind, service: "shop", message: "" },
  data: { rollout },
});

test("a complete rollout was raised, moved and held", () => {
  const events = [event("rollout.moved", 10), event("rollout.moved", 25), event("rollout.moved", 99, 2)];
  expect(phasesOf(aRollout({ startedAtMs: 2, endedAtMs: 40, phase: "complete" }), events)).toEqual({
    raisingMs: 8,
    movingMs: 15,
    holdingMs: 15,
  });
});

test("one that turned back before any traffic had moved was only on its way back", () => {
  const events = [event("rollout.turned-back", 30)];
  expect(phasesOf(aRollout({ endedAtMs: 40, phase: "rolled-back" }), events)).toEqual({ backMs: 10 });
});

test("a clock that was set back in between makes no part last less than nothing", () => {
  const events = [
    event("rollout.moved", 5_000),
    event("rollout.moved", 25),
    event("rollout.turned-back", 20),
  ];
  expect(phasesOf(aRollout({ startedAtMs: 9, endedAtMs: 15, phase: "rolled-back" }), events)).toEqual({
    ...{ raisingMs: 4_991, movingMs: 0, holdingMs: 0, backMs: 0 },
  });
});
