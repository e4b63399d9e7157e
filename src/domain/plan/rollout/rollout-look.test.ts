import { expect, test } from "vitest";
import { aGroup, aRollout, aService, aTaint, aView } from "../../testing.ts";
import { inTrafficCount } from "./rollout-look.ts";

test("no server may leave for one that was taken out, also where the platform is slow to show that", () => {
  const view = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }));
  const count = (takenAtMs: number | undefined) => {
    const desired = aService({ serving: 1, taints: [aTaint(2, { takenAtMs })] });
    return inTrafficCount({ desired, rollout: aRollout(), view, nowMs: 1 }, 1);
  };
  expect(count(undefined)).toBe(3);
  expect(count(1)).toBe(2);
});
