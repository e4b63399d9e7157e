import { expect, test } from "vitest";
import type { JobObservation } from "../observation.ts";
import type { Action } from "../rollout/actions.ts";
import { aGroup, aPolicy, aRollout, aService, aTaint, aView } from "../testing.ts";
import { forecast } from "./forecast.ts";

const brief = (actions: readonly Action[]) =>
  actions
    .map((a) => {
      if (a.kind === "resize")
        return `${a.release}=${a.size}${a.replacing ? ` replacing ${a.replacing}` : ""}`;
      if (a.kind === "route") return `->${a.shares.map((s) => s.release)}`;
      if (a.kind === "record") return `[${a.change.kind}]`;
      if ("server" in a) return `${a.kind} ${a.server}`;
      return "job" in a ? `${a.kind} ${a.job}` : a.kind;
    })
    .join(" ");
const full = ["ready", "ready", "ready"] as const;
const serving = aGroup(1, full, { share: 1 });

test("a service that is removed ends with its last action", () => {
  const { actions, peakServers, fewestInTraffic } = forecast(
    aService({ serving: 1, removed: true }),
    { ...aView(serving, aGroup(2, ["ready"])), routed: true },
    0,
  );
  expect(brief(actions)).toBe("1=0 2=0 -> [gone]");
  expect([peakServers, fewestInTraffic]).toEqual([4, 0]);
});

test("a running rollout is played from where it stands: servers that are made count as ready", () => {
  const rollout = aRollout({ step: 1, highestReady: 1, policy: aPolicy({ keepWarmMs: 0 }) });
  const view = aView(aGroup(1, ["ready", "ready", "draining"], { share: 0.67, size: 2 }), {
    ...aGroup(2, ["ready"], { share: 0.33, size: 2 }),
  });
  const { actions, peakServers, fewestInTraffic } = forecast(aService({ serving: 1, rollout }), view, 0);
  expect(brief(actions)).toMatch(/^\[progress\] ->2,1 \[moved\] .*\[end\]/);
  expect([peakServers, fewestInTraffic]).toEqual([4, 3]);
});

test("a paused rollout waits for a person, whatever else has its time", () => {
  const rollout = aRollout({ phase: "paused", policy: aPolicy({ strategy: "blue-green" }) });
  const copy = { id: "c", reproduces: "s", service: "shop", release: 1, state: "running" as const };
  const reproductions = [{ ...copy, createdAtMs: 0, address: undefined, reason: undefined }];
  const view = { ...aView(serving, aGroup(2, full)), reproductions };
  expect(forecast(aService({ serving: 1, rollout }), view, 0).actions).toEqual([]);
});

test("a changed server is taken out, replaced and forgotten once", () => {
  const desired = aService({ serving: 1, taints: [aTaint(1)] });
  const { actions } = forecast(desired, aView(serving), 0);
  expect(brief(actions)).toBe("quarantine shop-1-1-1 destroy shop-1-1-1 [taint-over]");
});

test("the only server gets its successor before it goes", () => {
  const desired = aService({ serving: 1, count: 1, taints: [aTaint(1)] });
  const { actions, fewestInTraffic } = forecast(desired, aView(aGroup(1, ["ready"], { share: 1 })), 0);
  expect(brief(actions)).toMatch(/^1=1 replacing shop-1-1-1 quarantine shop-1-1-1 1=1 destroy/);
  expect(fewestInTraffic).toBe(1);
});

test("the running job of a rollout that goes back is ended, that of one that continues succeeds", () => {
  const run = {
    name: "migrate",
    when: "before",
    startedAtMs: 0,
    deadlineMs: 60_000,
    end: undefined,
  } as const;
  const job: JobObservation = {
    ...{ id: "shop-2-1_migrate", service: "shop", release: 2, rollout: 1, name: "migrate" },
    ...{ state: "running", end: undefined },
  };
  const view = { ...aView(serving), jobs: [job] };
  const back = aService({ serving: 1, rollout: aRollout({ phase: "back", jobs: [run] }) });
  expect(brief(forecast(back, view, 0).actions)).toBe("end-job shop-2-1_migrate [job-ended] [end]");
  const forward = aService({ serving: 1, rollout: aRollout({ jobs: [run] }) });
  expect(brief(forecast(forward, view, 0).actions)).toMatch(/\[job-ended\].*\[end\]$/);
});
