import { expect, test } from "vitest";
import { longestReproductionMs } from "../../drift/session.ts";
import type { ReproductionObservation } from "../../observation.ts";
import { aGroup, aService, aView } from "../../testing.ts";
import { planService } from "../plan.ts";

const aCopy = (overrides: Partial<ReproductionObservation> = {}): ReproductionObservation => ({
  ...{ id: "shop-1-1-1__copy", reproduces: "shop-1-1-1", service: "shop", release: 1, state: "running" },
  ...{ createdAtMs: 1_000, address: "10.0.0.9", reason: undefined, ...overrides },
});
const serving = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }));
const planned = (copy: ReproductionObservation, nowMs: number, service: object = {}) =>
  planService(aService({ serving: 1, ...service }), { ...serving, reproductions: [copy] }, nowMs);

test("a reproduction changes nothing for its service, and is looked at again when it is old", () => {
  expect(planned(aCopy(), 2_000)).toEqual({ actions: [], wakeAtMs: 1_000 + longestReproductionMs });
  expect(planned(aCopy({ state: "ended" }), 2_000).actions).toEqual([]);
});

test.each([
  ["a day old", aCopy(), 1_000 + longestReproductionMs, {}],
  ["no longer known", aCopy({ release: 9 }), 2_000, {}],
  ["not finished", aCopy({ state: "unstarted" }), 2_000, {}],
  ["being removed", aCopy(), 2_000, { removed: true }],
])("it is destroyed: %s", (words, copy, nowMs, service) => {
  const destroyed = planned(copy, nowMs, service).actions.find(({ kind }) => kind === "destroy");
  expect(destroyed).toMatchObject({ server: copy.id, reason: expect.stringContaining(words) });
});

test("a service is not forgotten while one is left of it", () => {
  const copies = (reproductions: readonly ReproductionObservation[]) =>
    planService(aService({ removed: true }), { ...aView(), reproductions }, 0).actions.map((a) => a.kind);
  expect(copies([aCopy()])).not.toContain("record");
  expect(copies([])).toContain("record");
});
