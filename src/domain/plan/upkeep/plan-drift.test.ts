import { expect, test } from "vitest";
import { aGroup, aRollout, aService, aTaint, aView, minute } from "../../testing.ts";
import { planService } from "../plan.ts";
import { keptInQuarantine } from "./plan-drift.ts";

const id = (slot: number) => `shop-1-${slot}-1`;
const serving = (...states: Parameters<typeof aGroup>[1]) => aView(aGroup(1, states, { share: 1 }));
const actions = (...args: Parameters<typeof planService>) =>
  planService(...args).actions.map((a) => {
    if (a.kind === "resize") return `${a.release}=${a.size}${a.replacing ? ` replacing ${a.replacing}` : ""}`;
    if (a.kind === "record") return a.change.kind;
    return "server" in a ? `${a.kind} ${a.server}` : a.kind;
  });
const full = ["ready", "ready", "ready"] as const;

test("a tainted server is taken out, then its evidence, then it is destroyed, then it is forgotten", () => {
  const service = (overrides: object) => aService({ serving: 1, taints: [aTaint(1, overrides)] });
  expect(actions(service({}), serving(...full), 0)).toEqual([`quarantine ${id(1)}`]);
  const out = serving("quarantined", "ready", "ready");
  expect(actions(service({ takenAtMs: 1 }), out, 0)[0]).toBe(`quarantine ${id(1)}`);
  expect(actions(service({ takenAtMs: 1, evidenceAtMs: 2 }), out, 0)[0]).toBe(`destroy ${id(1)}`);
  const gone = aView(
    aGroup(1, full, {
      share: 1,
      servers:
        serving(...full)
          .groups.get(1)
          ?.servers.slice(1) ?? [],
    }),
  );
  expect(actions(service({ takenAtMs: 1, evidenceAtMs: 2 }), gone, 0)[0]).toBe("taint-over");
});

test("only as many as can be missing are taken out at once; the rest follows when they are replaced", () => {
  const taints = [aTaint(1), aTaint(2)];
  expect(actions(aService({ serving: 1, taints }), serving(...full), 0)).toEqual([`quarantine ${id(1)}`]);
  const [first, second] = [aTaint(1, { takenAtMs: 1, evidenceAtMs: 2, response: "quarantine" }), aTaint(2)];
  const replaced = aView(aGroup(1, ["quarantined", "ready", "ready", "ready"], { share: 1, size: 3 }));
  expect(actions(aService({ serving: 1, taints: [first, second] }), replaced, 0)).toEqual([
    `quarantine ${id(2)}`,
  ]);
  const starting = aView(aGroup(1, ["quarantined", "ready", "ready", "starting"], { share: 1, size: 3 }));
  expect(actions(aService({ serving: 1, taints: [first, second] }), starting, 0)).toEqual([]);
});

test("the only server gets a successor first, and is taken out when that has the traffic", () => {
  const desired = aService({ serving: 1, count: 1, taints: [aTaint(1)] });
  expect(actions(desired, serving("ready"), 0)).toEqual([`1=1 replacing ${id(1)}`]);
  const both = aView(aGroup(1, ["ready", "ready"], { share: 1, size: 1, replacing: [id(1)] }));
  expect(actions(desired, both, 0)).toEqual([`quarantine ${id(1)}`, "1=1"]);
});

test("one whose servers never run at the same time as their successors is taken out at once", () => {
  const desired = aService({ serving: 1, count: 1, alone: true, taints: [aTaint(1)] });
  expect(actions(desired, serving("ready"), 0)).toEqual([`quarantine ${id(1)}`]);
});

test("while too much drifts nothing is taken out, and it is looked at again when that is over", () => {
  const desired = aService({ serving: 1, taints: [aTaint(1)], suspendedUntilMs: minute });
  expect(planService(desired, serving(...full), 0)).toEqual({ actions: [], wakeAtMs: minute });
  expect(actions(desired, serving(...full), minute)).toEqual([`quarantine ${id(1)}`]);
});

test("one that is only reported stays as it is", () => {
  const desired = aService({ serving: 1, taints: [aTaint(1, { response: "report" })] });
  expect(actions(desired, serving(...full), 0)).toEqual([]);
});

test("servers that are kept go when they are too many or too old", () => {
  const taints = [1, 2, 3, 4].map((n) =>
    aTaint(n, { response: "quarantine", takenAtMs: n, evidenceAtMs: n, taintedAtMs: n }),
  );
  const states = ["quarantined", "quarantined", "quarantined", "quarantined", ...full] as const;
  const view = aView(aGroup(1, states, { share: 1, size: 3 }));
  const desired = aService({ serving: 1, taints });
  expect(planService(desired, view, 10)).toMatchObject({
    actions: [{ kind: "destroy", server: id(1) }],
    wakeAtMs: keptInQuarantine.ms + 2,
  });
  expect(actions(desired, view, keptInQuarantine.ms + 3)).toEqual([1, 2, 3].map((n) => `destroy ${id(n)}`));
});

test("a rollout continues while servers of both groups are taken out", () => {
  const rollout = aRollout({}, 3);
  const desired = aService({ serving: 1, rollout, taints: [aTaint(1)] });
  const view = aView(aGroup(1, full, { share: 1 }), aGroup(2, ["starting"]));
  expect(actions(desired, view, 0)).toContain(`quarantine ${id(1)}`);
});

test("one that a rollout may be giving the traffic stays until others can carry it, whatever the router said last", () => {
  const taints = [{ ...aTaint(1), server: "shop-2-1-1" }];
  const desired = aService({ serving: 1, count: 1, rollout: aRollout({}, 1), taints });
  const dark = aView(aGroup(1, ["starting"], { share: 1, size: 1 }), aGroup(2, ["ready"], { size: 1 }));
  expect(actions(desired, dark, 0)).not.toContain("quarantine shop-2-1-1");
  const lit = aView(aGroup(1, ["ready"], { share: 1, size: 1 }), aGroup(2, ["ready"], { size: 1 }));
  expect(actions(desired, lit, 0)).toContain("quarantine shop-2-1-1");
});

test("one in quarantine whose case is closed is destroyed: the platform had said that it was", () => {
  const view = aView(aGroup(1, ["quarantined", ...full], { share: 1, size: 3 }));
  expect(actions(aService({ serving: 1 }), view, 0)).toEqual([`destroy ${id(1)}`]);
});

test("a server that someone is in is neither frozen nor destroyed, and outlasts its group, until its evidence is kept", () => {
  const service = (overrides: object, more: object = {}) =>
    aService({ serving: 1, taints: [aTaint(1, { takenAtMs: 1, ...overrides })], ...more });
  const out = aView(aGroup(1, ["quarantined", ...full], { share: 1, size: 3 }));
  expect(actions(service({ held: true }), out, 0)).toEqual([]);
  expect(actions(service({ held: false }), out, 0)).toEqual([`quarantine ${id(1)}`]);
  const old = aView(aGroup(1, ["quarantined", "ready"], { size: 3 }), aGroup(2, full, { share: 1, size: 3 }));
  const newer = { serving: 2 };
  expect(actions(service({ held: true }, newer), old, 0)).toEqual([`1=0 replacing ${id(1)}`]);
  expect(actions(service({ held: false }, newer), old, 0)).toEqual([
    `quarantine ${id(1)}`,
    `1=0 replacing ${id(1)}`,
  ]);
  expect(actions(service({ evidenceAtMs: 2 }, newer), old, 0)).toEqual([`destroy ${id(1)}`, "1=0"]);
  expect(actions(service({ held: true }, { removed: true }), old, 0)).toEqual(["1=0", "2=0"]);
});
