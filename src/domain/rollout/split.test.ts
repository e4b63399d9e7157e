import fc from "fast-check";
import { expect, test } from "vitest";
import { forecast } from "../forecast/forecast.ts";
import { planService } from "../plan/plan.ts";
import { aGroup, aPolicy, aRollout, aService, aView } from "../testing.ts";
import { applyChange } from "./record.ts";
import type { DesiredService, Rollout } from "./rollout.ts";
import { reachable } from "./split.ts";

test("a router of weights reaches every share; one of servers what their number makes of it", () => {
  const shares = [
    { release: 2, share: 0.1 },
    { release: 1, share: 0.9 },
  ];
  const ready = (release: number) => (release === 1 ? 3 : 1);
  expect(reachable(shares, "any", ready)).toEqual(shares);
  expect(reachable(shares, "servers", ready)).toEqual([
    { release: 2, share: 0.25 },
    { release: 1, share: 0.75 },
  ]);
  expect(reachable(shares, "servers", () => 0).map(({ share }) => share)).toEqual([0.5, 0.5]);
  expect(reachable([], "servers", ready)).toEqual([]);
});

const canary = aPolicy({ strategy: "canary" });
const steps = [
  { share: 0.1, holdMs: 60_000 },
  { share: 1, holdMs: 0 },
];

test("a plan shows the share that can be reached", () => {
  const desired = aService({ serving: 1, rollout: aRollout({ policy: canary, steps }) });
  const view = { ...aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 })), split: "servers" as const };
  const [first] = forecast(desired, view, 0).actions.filter(({ kind }) => kind === "route");
  expect(first).toMatchObject({
    shares: [
      { release: 2, share: 0.25 },
      { release: 1, share: 0.75 },
    ],
    reason: "release 2 is ready: 10 % of 3 servers is 1 of 4: 25 %",
  });
});

const ofServers = fc.record({
  count: fc.integer({ min: 1, max: 6 }),
  shares: fc.array(fc.double({ min: 0.01, max: 0.99, noNaN: true }), { maxLength: 3 }),
  keepWarmMs: fc.constantFrom(0, 300_000),
});

test("every rollout ends well where only servers can be counted, whatever its shares are", () => {
  fc.assert(
    fc.property(ofServers, ({ count, shares, keepWarmMs }) => {
      const policy = aPolicy({ strategy: "canary", keepWarmMs });
      const all = [...shares.toSorted((a, b) => a - b), 1].map((share) => ({ share, holdMs: 1_000 }));
      const desired = aService({ count, serving: 1, rollout: aRollout({ policy, steps: all }) });
      const old = aGroup(1, Array(count).fill("ready"), { share: 1 });
      const { actions } = forecast(desired, { ...aView(old), split: "servers" }, 0);
      const ends = actions.filter((a) => a.kind === "record" && a.change.kind === "end");
      expect(ends).toMatchObject([{ change: { phase: "complete" } }]);
    }),
  );
});

test.each<[string, Partial<Rollout>, number, number]>([
  ["a deploy goes back", { policy: canary, steps }, 1, 1],
  ["a rollback stays where the traffic is", { kind: "rollback", steps: [{ share: 1, holdMs: 0 }] }, 1, 1],
  ["on the way back it serves what has the traffic", { phase: "back", reason: "it failed" }, 2, 2],
])("a router that never has the shares ends a rollout by its deadline: %s", (_, rollout, has, serving) => {
  let desired: DesiredService = aService({
    count: 2,
    serving: 1,
    rollout: aRollout({ policy: canary, ...rollout }),
  });
  const ready = ["ready", "ready"] as const;
  const view = aView(
    aGroup(1, ready, { share: has === 1 ? 1 : 0 }),
    aGroup(2, ready, { share: has === 2 ? 1 : 0 }),
  );
  const inTraffic = [...view.groups].map(
    ([n, group]) =>
      [n, { ...group, servers: group.servers.map((s) => ({ ...s, inTraffic: n === has })) }] as const,
  );
  let nowMs = 0;
  for (let pass = 0; pass < 100 && desired.rollout !== undefined; pass++) {
    const { actions } = planService(desired, { ...view, groups: new Map(inTraffic) }, nowMs);
    for (const action of actions)
      if (action.kind === "record") desired = applyChange(desired, action.change) ?? desired;
    nowMs += 60_000;
  }
  expect(desired.rollout).toBeUndefined();
  expect(desired.serving).toBe(serving);
  expect(nowMs).toBeLessThan(2 * canary.progressDeadlineMs + 240_000);
});
