import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServerState } from "../../observation.ts";
import { defaultUpkeep } from "../../spec/upkeep-policy.ts";
import { aGroup, aRollout, aService, aTaint, aView, minute } from "../../testing.ts";
import { planService } from "../plan.ts";
import { carriers } from "./drift-response.ts";

const hour = 60 * minute;
const upkeep = { ...defaultUpkeep, maxAgeMs: 24 * hour };
const service = (overrides = {}) => aService({ serving: 1, upkeep, ...overrides });
const ready = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }));
const plan = (...args: Parameters<typeof planService>) => planService(...args);

/** The server that is chosen when all are far too old. */
function oldest(): string {
  const [action] = plan(service(), ready, 48 * hour).actions;
  return action?.kind === "resize" ? (action.replacing?.[0] ?? "") : "";
}

describe("servers that are too old", () => {
  test("none is touched before its time, and the plan wakes when the first is due, spread over a fifth of the age", () => {
    const { actions, wakeAtMs = 0 } = plan(service(), ready, 0);
    expect(actions).toEqual([]);
    expect(wakeAtMs).toBeGreaterThan(19 * hour);
    expect(wakeAtMs).toBeLessThanOrEqual(24 * hour);
    expect(plan(service(), ready, wakeAtMs).actions).toMatchObject([{ kind: "resize", size: 3 }]);
  });

  test("one at a time gets a successor, and leaves when that carries its part", () => {
    const id = oldest();
    expect(id).toMatch(/^shop-1-\d-1$/);
    const both = (state: ServerState) =>
      aView(aGroup(1, ["ready", "ready", "ready", state], { share: 1, size: 3, replacing: [id] }));
    expect(plan(service(), both("starting"), 48 * hour).actions).toEqual([]);
    expect(plan(service(), both("ready"), 48 * hour).actions).toMatchObject([{ kind: "retire", server: id }]);
  });

  test("the next one waits until the one before is gone", () => {
    const view = aView(aGroup(1, ["draining", "ready", "ready", "ready"], { share: 1, size: 3 }));
    expect(plan(service(), view, 48 * hour).actions).toEqual([]);
  });

  test.each([
    ["a rollout runs", { rollout: aRollout() }],
    ["a server that has drifted is dealt with", { taints: [aTaint(2, { takenAtMs: 1 })] }],
    ["servers cannot run at the same time as their successors", { alone: true }],
    ["the service sets no age", { upkeep: defaultUpkeep }],
  ])("none is replaced while %s", (_why, overrides) => {
    const { actions } = plan(service(overrides), ready, 48 * hour);
    expect(actions.filter((a) => a.kind === "retire")).toEqual([]);
    for (const action of actions) if (action.kind === "resize") expect(action.replacing).toBeUndefined();
  });
});

test("as many servers as are wanted keep carrying the traffic", () => {
  const state = fc.constantFrom<ServerState>(
    "starting",
    "ready",
    "ready",
    "ready",
    "draining",
    "quarantined",
  );
  fc.assert(
    fc.property(
      fc.array(state, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 6 }),
      fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
      (states, count, slot) => {
        const replacing = slot === undefined ? {} : { replacing: [`shop-1-${slot}-1`] };
        const view = aView(aGroup(1, states, { share: 1, size: count, ...replacing }));
        const desired = service({ count });
        const { actions } = plan(desired, view, 48 * hour);
        const retired = actions.flatMap((a) => (a.kind === "retire" ? [a.server] : []));
        expect(retired.length).toBeLessThanOrEqual(1);
        const left = carriers(desired, view).filter((s) => !retired.includes(s.id)).length;
        if (retired.length > 0) expect(left).toBeGreaterThanOrEqual(count);
      },
    ),
  );
});
