import fc from "fast-check";
import { expect, test } from "vitest";
import type { GroupObservation, ServerState } from "../../observation.ts";
import type { Action } from "../../rollout/actions.ts";
import type { Rollout } from "../../rollout/rollout.ts";
import { aGroup, aPolicy, aRelease, aRollout, aService, aView, minute } from "../../testing.ts";
import { planService } from "../plan.ts";

// With `recreate`, servers of two releases never exist together, whichever two they are.

const policy = aPolicy({ strategy: "recreate" });
const releases = new Map([1, 2, 3].map((n) => [n, aRelease(n)]));
const superseded = aGroup(3, ["ready"], { share: 1 });

function sizes(actions: readonly Action[]): readonly string[] {
  return actions.flatMap((a) => (a.kind === "resize" ? [`${a.release}=${a.size}`] : []));
}

function planned(rollout: Partial<Rollout>, ...groups: readonly GroupObservation[]): readonly Action[] {
  const desired = aService({
    ...{ releases, serving: 1, count: 1, alone: true },
    rollout: aRollout({ policy, ...rollout }, 1),
  });
  return planService(desired, aView(...groups), 1).actions;
}

test.each([
  ["forward", { phase: "forward" }],
  ["back", { phase: "back" }],
  ["paused", { phase: "paused" }],
  ["forward as the first release", { phase: "forward", from: undefined }],
] as const)("on its way %s, a rollout over a superseded one waits until that is gone", (_name, rollout) => {
  expect(sizes(planned(rollout, superseded))).toEqual(["3=0"]);
  const leaving = aGroup(3, ["draining"], { size: 0 });
  expect(planned(rollout, leaving)).toEqual([]);
  const remains = aGroup(3, [], { size: 0, remains: ["shop-3-1-1"] });
  expect(planned(rollout, remains)).toEqual([]);
  const raised = rollout.phase === "back" ? "1=1" : "2=1";
  expect(sizes(planned(rollout))).toEqual([raised]);
});

test("a superseded release that does not go ends the rollout by its deadline, and is named", () => {
  const desired = aService({ serving: 1, count: 1, rollout: aRollout({ policy }, 1) });
  const view = aView(aGroup(1, ["draining"], { size: 0 }), aGroup(3, ["draining"], { size: 0 }));
  expect(planService(desired, view, 20 * minute).actions).toMatchObject([
    { change: { kind: "turn-back" }, reason: "release 1 and release 3 did not go in time" },
  ]);
});

test("before the jobs are done, a superseded release that serves continues to, and the old one does not start", () => {
  const job = { name: "migrate", when: "before" as const, command: ["/bin/true"], deadlineMs: minute };
  const desired = aService({
    ...{ serving: 1, count: 1, rollout: aRollout({ policy }, 1) },
    releases: new Map([...releases, [2, aRelease(2, { jobs: [job] })]]),
  });
  const { actions } = planService(desired, aView(superseded), 1);
  expect(actions.map((a) => a.kind)).toEqual(["run-job"]);
});

test("without a rollout, the serving release grows only when the others are gone, and none is kept warm", () => {
  const desired = aService({ serving: 1, count: 2, alone: true, warm: [{ release: 2, untilMs: minute }] });
  const beside = aView(aGroup(1, ["ready"], { share: 1 }), aGroup(2, ["ready"]));
  const { actions } = planService(desired, beside, 1);
  expect(sizes(actions)).toEqual(["2=0"]);
  expect(actions).toContainEqual(expect.objectContaining({ change: { kind: "warm-over", release: 2 } }));
  expect(sizes(planService(desired, aView(aGroup(1, ["ready"], { share: 1 })), 1).actions)).toEqual(["1=2"]);
});

test("a plan starts no server while another release has one, whatever is there", () => {
  const states = fc.constantFrom<ServerState>("creating", "starting", "ready", "draining", "quarantined");
  const groups = [1, 2, 3].map((release) =>
    fc.record({
      release: fc.constant(release),
      servers: fc.array(states, { maxLength: 2 }),
      size: fc.constantFrom(undefined, 0, 1, 2),
      share: fc.constantFrom(0, 0.5, 1),
      remains: fc.constantFrom([], [`shop-${release}-9-1`]),
    }),
  );
  const phases = fc.constantFrom<Rollout["phase"] | "none">("forward", "back", "paused", "none");
  const from = fc.constantFrom(undefined, 1);
  fc.assert(
    fc.property(fc.tuple(...groups), phases, from, fc.nat(20 * minute), (observed, phase, old, nowMs) => {
      const rollout = phase === "none" ? undefined : aRollout({ policy, phase, from: old }, 2);
      const desired = aService({ releases, serving: 1, count: 2, alone: true, rollout });
      const view = aView(...observed.map(({ release, servers, ...rest }) => aGroup(release, servers, rest)));
      for (const action of planService(desired, view, nowMs).actions) {
        if (action.kind !== "resize") continue;
        const own = view.groups.get(action.release);
        const isRaised = action.size > (own?.size ?? own?.servers.length ?? 0);
        const others = [...view.groups.values()].filter((g) => g.release !== action.release);
        const occupied = others.filter((g) => g.servers.length + g.remains.length + (g.size ?? 0) > 0);
        expect(isRaised ? occupied : []).toEqual([]);
      }
    }),
  );
});
