import { expect, test } from "vitest";
import { aRelease, aRollout, aService, aTaint } from "../testing.ts";
import { basisOf } from "./basis.ts";

const rollout = aRollout();
const service = aService({ rollout, taints: [aTaint(1)] });
const basis = basisOf(service);

test.each([
  ["another number of servers", { count: service.count + 1 }],
  ["another rollout", { rollout: { ...rollout, id: rollout.id + 1 } }],
  ["no rollout", { rollout: undefined }],
  ["a rollout that turns back", { rollout: { ...rollout, phase: "back" } }],
  ["a promotion", { rollout: { ...rollout, promoted: true } }],
  ["failures that are forgiven", { rollout: { ...rollout, judgedFromMs: rollout.judgedFromMs + 1 } }],
  ["another release that serves", { serving: 7 }],
  ["servers that never run at the same time as their successors", { alone: !service.alone }],
  ["another drain time", { drainMs: service.drainMs + 1 }],
  ["one more server that has drifted", { taints: [aTaint(1), aTaint(2)] }],
  ["a server that is taken out", { taints: [aTaint(1, { takenAtMs: 5 })] }],
  ["a removal", { removed: true }],
] as const)("a plan does not hold after %s", (_what, change) => {
  expect(basisOf({ ...service, ...change })).not.toBe(basis);
});

test("a plan does not hold for a service that is gone", () => {
  expect(basisOf(undefined)).not.toBe(basis);
});

test.each([
  [
    "how far its rollout has come",
    { rollout: { ...rollout, highestReady: 2, progressAtMs: 9, movedAtMs: 9, step: 1 } },
  ],
  ["evidence", { taints: [aTaint(1, { evidenceAtMs: 9 })] }],
  ["the end of a warm time", { warm: [{ release: 1, untilMs: 9 }] }],
  ["an old release that is forgotten", { releases: new Map([[9, aRelease(9)]]) }],
] as const)("a plan records %s, and holds", (_what, change) => {
  expect(basisOf({ ...service, ...change })).toBe(basis);
});
