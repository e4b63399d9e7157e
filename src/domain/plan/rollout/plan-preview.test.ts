import { expect, test } from "vitest";
import { forecast } from "../../forecast/forecast.ts";
import type { GroupObservation } from "../../observation.ts";
import type { DesiredService, Rollout } from "../../rollout/rollout.ts";
import { aGroup, aPolicy, aRelease, aRollout, aService, aView, second } from "../../testing.ts";
import { planService } from "../plan.ts";

const traffic = { mode: "http", listen: 8080, preview: 8081, host: undefined } as const;
const manual = aPolicy({ strategy: "blue-green", promote: "manual", bakeMs: 0 });
const full = ["ready", "ready", "ready"] as const;
const old = aGroup(1, full, { share: 1 });

function desired(rollout: Partial<Rollout> = {}, more: Partial<DesiredService> = {}): DesiredService {
  const releases = new Map([1, 2, 3].map((n) => [n, aRelease(n, { traffic })]));
  return aService({ serving: 1, releases, rollout: aRollout({ policy: manual, ...rollout }), ...more });
}

/** What the preview is to reach: a release, `none`, or nothing to do. */
function seen(of: DesiredService, ...groups: readonly GroupObservation[]): unknown {
  const { actions } = planService(of, aView(...groups), second);
  const [found, ...others] = actions.filter((a) => a.kind === "preview");
  expect(others).toEqual([]);
  return found === undefined ? undefined : (found.release ?? "none");
}

test("it opens with the first ready server of the new release, and not before", () => {
  expect(seen(desired(), old, aGroup(2, ["starting", "creating"]))).toBeUndefined();
  expect(seen(desired(), old, aGroup(2, ["ready", "starting", "starting"]))).toBe(2);
  expect(seen(desired(), old, aGroup(2, full, { previewed: true }))).toBeUndefined();
});

test("it is open before the rollout is said to wait for a person", () => {
  const { actions } = planService(desired({ highestReady: 3 }), aView(old, aGroup(2, full)), second);
  expect(actions.map((a) => (a.kind === "record" ? a.change.kind : a.kind))).toEqual(["preview", "pause"]);
});

test("it stays while the rollout waits, and while both have traffic", () => {
  const waiting = desired({ phase: "paused", highestReady: 3 });
  expect(seen(waiting, old, aGroup(2, full, { previewed: true }))).toBeUndefined();
  const [less, more] = [aGroup(1, full, { share: 0.5 }), aGroup(2, full, { share: 0.5, previewed: true })];
  expect(seen(desired(), less, more)).toBeUndefined();
});

test.each<[string, DesiredService, number]>([
  ["it has all the traffic", desired({ movedAtMs: 1, highestReady: 3 }), 1],
  ["the rollout turns back", desired({ phase: "back" }), 0],
  ["the rollout has ended", desired({}, { rollout: undefined }), 0],
  ["another one took its place", desired({ to: 3 }), 0],
  ["the service is removed", desired({}, { removed: true }), 0],
])("it closes when %s", (_, of, share) => {
  const groups = [aGroup(1, full, { share: 1 - share }), aGroup(2, full, { share, previewed: true })];
  expect(seen(of, ...groups)).toBe("none");
});

test.each<[string, DesiredService]>([
  ["without a port for it", aService({ serving: 1, rollout: aRollout({ policy: manual }) })],
  ["of the first release", desired({ from: undefined }, { serving: undefined })],
  ["of a rollback", desired({ kind: "rollback" })],
])("there is no preview %s", (_, of) => {
  expect(seen(of, old, aGroup(2, ["ready"]))).toBeUndefined();
});

test("a whole rollout opens and closes it once, and then the plan is at rest", () => {
  const policy = { ...manual, promote: "auto" } as const;
  const { actions } = forecast(desired({ policy }), aView(old), 0);
  expect(actions.flatMap((a) => (a.kind === "preview" ? [a.release] : []))).toEqual([2, undefined]);
});
