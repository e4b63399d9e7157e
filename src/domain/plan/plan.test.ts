import { describe, expect, test } from "vitest";
import { forecast } from "../forecast/forecast.ts";
import type { ServerState } from "../observation.ts";
import type { Action } from "../rollout/actions.ts";
import {
  aFailure,
  aGroup,
  aPolicy,
  aRelease,
  aRollout,
  aService,
  aView,
  minute,
  second,
} from "../testing.ts";
import { plan, planService } from "./plan.ts";
import { emptyView } from "./service-view.ts";

/** Actions in the shortest words: `2=3` resize, `->2:1` route, `[moved]` record. */
function brief(actions: readonly Action[]): string {
  return actions
    .map((a) => {
      if (a.kind === "resize") return `${a.release}=${a.size}`;
      if (a.kind === "route")
        return `->${a.shares.map((s) => `${s.release}:${Math.round(s.share * 100)}`).join(",") || "none"}`;
      if (a.kind === "destroy") return `x${a.server}`;
      if (a.kind === "analyse") return "?";
      if (a.kind === "quarantine" || a.kind === "retire") return `${a.kind} ${a.server}`;
      if (a.kind === "preview") return `see ${a.release ?? "none"}`;
      if (a.kind === "begin-run") return `run ${a.run}`;
      if (a.kind !== "record") return `${a.kind} ${a.job}`;
      return `[${a.change.kind === "end" ? a.change.phase : a.change.kind}]`;
    })
    .join(" ");
}

const serving = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }));

describe("strategies, played to their end", () => {
  const deploy = (policy = aPolicy(), count = 3) =>
    forecast(aService({ serving: 1, count, rollout: aRollout({ policy }, count) }), serving, 0);

  test("rolling replaces one by one and keeps the old group whole for the way back", () => {
    const { actions, peakServers, fewestInTraffic } = deploy();
    expect(brief(actions)).toBe(
      "2=1 [progress] ->2:33,1:67 [moved] [step] 2=2 [progress] ->2:67,1:33 [moved] [step] 2=3 [progress] ->2:100 [moved] [complete]",
    );
    expect([peakServers, fewestInTraffic]).toEqual([6, 3]);
  });

  test("rolling without keepWarm never has more than count + surge servers", () => {
    const { actions, peakServers, fewestInTraffic } = deploy(aPolicy({ keepWarmMs: 0 }));
    expect(brief(actions)).toBe(
      "2=1 [progress] ->2:33,1:67 [moved] [step] 1=2 2=2 [progress] ->2:67,1:33 [moved] [step] 1=1 2=3 [progress] ->2:100 [moved] [complete] 1=0",
    );
    expect([peakServers, fewestInTraffic]).toEqual([4, 3]);
  });

  test("rolling with unavailable makes room first", () => {
    const { peakServers, fewestInTraffic } = deploy(aPolicy({ keepWarmMs: 0, surge: 0, unavailable: 1 }));
    expect([peakServers, fewestInTraffic]).toEqual([3, 2]);
  });

  test("blue-green raises the whole new group, then switches once", () => {
    const { actions } = deploy(aPolicy({ strategy: "blue-green" }));
    expect(brief(actions)).toBe("2=3 [progress] ->2:100 [moved] [complete]");
  });

  test("recreate stops the old group first", () => {
    const { actions, fewestInTraffic } = deploy(aPolicy({ strategy: "recreate" }));
    expect(brief(actions)).toBe("1=0 2=3 [progress] ->2:100 [moved] [complete]");
    expect(fewestInTraffic).toBe(0);
  });

  test("the first release comes all at once", () => {
    const first = aService({ rollout: aRollout({ from: undefined, to: 1 }) });
    expect(brief(forecast(first, emptyView("shop"), 0).actions)).toBe(
      "1=3 [progress] ->1:100 [moved] [complete]",
    );
  });

  test("a rollback to a warm group is one switch", () => {
    const steps = [{ share: 1, holdMs: 0 }];
    const back = aService({ serving: 2, rollout: aRollout({ kind: "rollback", from: 2, to: 1, steps }) });
    const warm = aView(
      aGroup(1, ["ready", "ready", "ready"]),
      aGroup(2, ["ready", "ready", "ready"], { share: 1 }),
    );
    expect(brief(planService(back, warm, 0).actions)).toBe("[progress] ->1:100 [moved]");
  });
});

describe("a rollout that goes wrong", () => {
  const running = aService({ serving: 1, rollout: aRollout({ startedAtMs: 0 }) });
  const old = aGroup(1, ["ready", "ready", "ready"], { share: 1 });

  test("two servers that ended are bad luck, three are a broken release", () => {
    const failures = [aFailure(), aFailure(), aFailure()];
    const broken = (n: number) => aView(old, aGroup(2, ["starting"], { failures: failures.slice(0, n) }));
    expect(brief(planService(running, broken(2), second).actions)).toBe("");
    const given = planService(running, broken(3), second).actions;
    expect(brief(given)).toBe("[turn-back]");
    expect(given[0]?.reason).toBe("3 servers failed, the last one: shop-2-1-1 exited with code 1");
  });

  test("a server that was not ready within its deadline is enough", () => {
    const view = aView(
      old,
      aGroup(2, ["starting"], { failures: [aFailure({ kind: "unready", atMs: 5 * minute })] }),
    );
    expect(brief(planService(running, view, 5 * minute).actions)).toBe("[turn-back]");
  });

  test("one failure that no other server can be spared is enough, and is the reason", () => {
    const failures = [aFailure({ permanent: true, reason: "has no program" }), aFailure()];
    const given = planService(running, aView(old, aGroup(2, ["starting"], { failures })), second).actions;
    expect(brief(given)).toBe("[turn-back]");
    expect(given[0]?.reason).toBe("shop-2-1-1 has no program");
  });

  test("failures from before the rollout do not count", () => {
    const late = aService({ serving: 1, rollout: aRollout({ startedAtMs: minute, progressAtMs: minute }) });
    const view = aView(old, aGroup(2, ["starting"], { failures: [aFailure(), aFailure(), aFailure()] }));
    expect(brief(planService(late, view, minute + 1).actions)).toBe("");
  });

  test("no new highest number of ready servers within the progress deadline", () => {
    const view = aView(old, aGroup(2, ["starting"]));
    expect(planService(running, view, minute)).toMatchObject({ actions: [], wakeAtMs: 10 * minute });
    expect(brief(planService(running, view, 10 * minute).actions)).toBe("[turn-back]");
  });

  test("a new highest number that is seen only after the deadline still counts", () => {
    const second = aService({ serving: 1, rollout: aRollout({ step: 1, highestReady: 1 }) });
    const one = aView(old, aGroup(2, ["ready", "starting"]));
    expect(brief(planService(second, one, 11 * minute).actions)).toBe("[turn-back]");
    const first = aService({ serving: 1, rollout: aRollout({ step: 1, highestReady: 0 }) });
    expect(brief(planService(first, one, 11 * minute).actions)).toBe("[progress]");
  });

  test("a router that cannot take the traffic in time", () => {
    const ready = aView(old, aGroup(2, ["ready"]));
    const held = aService({ serving: 1, rollout: aRollout({ highestReady: 1 }) });
    expect(brief(planService(held, ready, 9 * minute).actions)).toBe("->2:33,1:67 [moved]");
    const [given] = planService(held, ready, 10 * minute).actions;
    expect(given?.reason).toBe("the traffic could not be moved to release 2 within 10 min");
    expect(brief(planService(running, ready, 10 * minute).actions)).toContain("[moved]");
  });

  test("the way back: traffic to the old group at once, and the new one goes", () => {
    const back = aService({ serving: 1, rollout: aRollout({ phase: "back", reason: "it broke" }) });
    const half = aView(
      aGroup(1, ["ready", "ready", "ready"], { share: 0.67 }),
      aGroup(2, ["ready"], { share: 0.33 }),
    );
    expect(brief(forecast(back, half, 0).actions)).toBe("->1:100 [rolled-back] 2=0");
  });

  test("the way back: waiting beyond the deadline for servers to go asks for no wake-up in the past", () => {
    const policy = aPolicy({ strategy: "recreate" });
    const back = aService({ serving: 1, rollout: aRollout({ phase: "back", policy }) });
    const view = aView(aGroup(2, ["draining"], { size: 0 }));
    expect(planService(back, view, 0)).toEqual({ actions: [], wakeAtMs: 10 * minute });
    expect(planService(back, view, 60 * minute)).toEqual({ actions: [], wakeAtMs: undefined });
  });

  test("the way back: a single ready server takes over when no other one serves, and not otherwise", () => {
    const back = aService({ serving: 1, rollout: aRollout({ phase: "back", reason: "it broke" }) });
    const coming = aGroup(1, ["ready", "starting", "starting"]);
    const idle = aView(coming, aGroup(2, ["ready"]));
    expect(brief(planService(back, idle, 1).actions)).toBe("->1:100");
    const moved = aView({ ...coming, share: 1 }, aGroup(2, ["ready"]));
    expect(brief(planService(back, moved, 1).actions)).toBe("[rolled-back]");
    const serves = aView(coming, aGroup(2, ["ready", "ready", "ready"], { share: 1 }));
    expect(brief(planService(back, serves, 1).actions)).toBe("");
  });

  test("a first release that fails leaves nothing", () => {
    const back = aService({ rollout: aRollout({ from: undefined, to: 1, phase: "back" }) });
    expect(brief(forecast(back, aView(aGroup(1, ["starting"])), 0).actions)).toBe("1=0 [failed]");
  });

  test("a rollback is never rolled back", () => {
    const steps = [{ share: 1, holdMs: 0 }];
    const rollout = aRollout({ kind: "rollback", from: 2, to: 1, steps });
    const view = aView(
      aGroup(2, ["ready"], { share: 1 }),
      aGroup(1, ["starting", "starting", "starting"], { failures: [aFailure(), aFailure(), aFailure()] }),
    );
    const [only] = planService(aService({ serving: 2, rollout }), view, 1).actions;
    expect(only).toMatchObject({ change: { kind: "end", phase: "failed", serving: 2 } });
  });

  test("with onFailure stop everything stays until a person decides", () => {
    const rollout = aRollout({ policy: aPolicy({ onFailure: "stop" }) });
    const failures = [aFailure(), aFailure(), aFailure()];
    const view = aView(old, aGroup(2, ["starting"], { failures }));
    expect(brief(planService(aService({ serving: 1, rollout }), view, 1).actions)).toBe("[pause]");
    const paused = aService({ serving: 1, rollout: { ...rollout, phase: "paused" } });
    expect(planService(paused, view, 20 * minute).actions).toEqual([]);
  });

  test("after a restart of the machine the traffic goes back to where the rollout had brought it", () => {
    const restarted = aView(aGroup(1, ["ready", "ready", "ready"]), aGroup(2, ["starting"]));
    expect(brief(planService(running, restarted, 1).actions)).toBe("->1:100");
    const second = aService({ serving: 1, rollout: aRollout({ step: 1 }) });
    const later = aView(aGroup(1, ["ready", "ready", "ready"]), aGroup(2, ["ready", "starting"]));
    expect(brief(planService(second, later, 1).actions)).toBe("[progress] ->2:33,1:67");
    const paused = aService({ serving: 1, rollout: aRollout({ phase: "paused" }) });
    expect(brief(planService(paused, emptyView("shop"), 1).actions)).toBe("1=3 2=1");
    expect(brief(planService(paused, restarted, 1).actions)).toBe("->1:100");
  });

  test("recreate stops the new server before the old one starts again", () => {
    const policy = aPolicy({ strategy: "recreate" });
    const back = aService({ serving: 1, count: 1, rollout: aRollout({ phase: "back", policy }) });
    const { actions } = forecast(back, aView(aGroup(2, ["starting"])), 0);
    expect(brief(actions)).toBe("2=0 1=1 ->1:100 [rolled-back]");
  });
});

describe("canary", () => {
  const analysis = { minRequests: 50, maxErrorRate: 0.01, maxLatencyRatio: 1.5, intervalMs: 10 * second };
  const policy = aPolicy({
    strategy: "canary",
    steps: [
      { share: 0.05, holdMs: 2 * minute },
      { share: 0.5, holdMs: minute, analysis },
    ],
  });
  const rollout = aRollout({ policy });
  const old = aGroup(1, ["ready", "ready", "ready"], { share: 0.5 });
  const half = aView(old, aGroup(2, ["ready", "ready"], { share: 0.5 }));
  const second2 = aRollout({ policy, step: 1, movedAtMs: 0, highestReady: 2 });
  const at = (overrides: object, nowMs: number) =>
    brief(planService(aService({ serving: 1, rollout: { ...second2, ...overrides } }), half, nowMs).actions);

  test("goes by its stated shares, then to all the traffic", () => {
    const { actions } = forecast(aService({ serving: 1, rollout }), serving, 0);
    expect(brief(actions)).toBe(
      "2=1 [progress] ->2:5,1:95 [moved] [step] 2=2 [progress] ->2:50,1:50 [moved] ? [step] 2=3 [progress] ->2:100 [moved] [complete]",
    );
  });

  test("looks at its interval, and once more when the hold is over", () => {
    expect(at({}, 1)).toBe("?");
    const verdict = { outcome: "pass" as const, reason: "fine", atMs: 5 * second };
    expect(at({ verdict }, 6 * second)).toBe("");
    expect(at({ verdict }, 15 * second)).toBe("?");
    expect(at({ verdict }, minute)).toBe("?");
    expect(at({ verdict: { ...verdict, atMs: minute } }, minute)).toBe("[step]");
  });

  test("worse turns back at once; too little to tell pauses, and only at the end", () => {
    expect(at({ verdict: { outcome: "fail", reason: "slow", atMs: second } }, 2 * second)).toBe(
      "[turn-back]",
    );
    expect(at({ verdict: { outcome: "inconclusive", reason: "few", atMs: second } }, 2 * second)).toBe("");
    expect(at({ verdict: { outcome: "inconclusive", reason: "few", atMs: minute } }, minute)).toBe("[pause]");
  });

  test("resumed, the step holds again, and only the end of that hold pauses it again", () => {
    const resumed = { judgedFromMs: 5 * minute, progressAtMs: 5 * minute };
    const few = (atMs: number) => ({ outcome: "inconclusive" as const, reason: "few", atMs });
    expect(at(resumed, 5 * minute)).toBe("?");
    expect(at({ ...resumed, verdict: few(5 * minute) }, 5 * minute)).toBe("");
    expect(at({ ...resumed, verdict: few(6 * minute) }, 6 * minute)).toBe("[pause]");
    expect(at({ ...resumed, verdict: { ...few(6 * minute), outcome: "pass" } }, 6 * minute)).toBe("[step]");
  });

  test("a hold without an analysis begins again as well", () => {
    const baking = { step: 2, movedAtMs: 0, highestReady: 3, judgedFromMs: 5 * minute };
    const all = aView(
      aGroup(2, ["ready", "ready", "ready"], { share: 1 }),
      aGroup(1, ["ready", "ready", "ready"]),
    );
    const held = aService({ serving: 1, rollout: { ...second2, ...baking, progressAtMs: 5 * minute } });
    const endMs = 5 * minute + policy.bakeMs;
    expect(brief(planService(held, all, endMs - 1).actions)).toBe("");
    expect(brief(planService(held, all, endMs).actions)).toBe("[complete]");
  });

  test("traffic that has to be moved once more does not begin the step again", () => {
    const away = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }), aGroup(2, ["ready", "ready"]));
    const held = aService({ serving: 1, rollout: second2 });
    expect(brief(planService(held, away, minute).actions)).toBe("->2:50,1:50");
  });

  test("promoted, a step waits for nothing", () => {
    expect(at({ promoted: true }, 1)).toBe("[step]");
  });
});

describe("people who steer", () => {
  const policy = aPolicy({ strategy: "blue-green", promote: "manual" });
  const whole = aView(
    aGroup(1, ["ready", "ready", "ready"], { share: 1 }),
    aGroup(2, ["ready", "ready", "ready"]),
  );
  const rollout = aRollout({ policy, highestReady: 3 });

  test("a manual promotion is waited for, and then is one switch", () => {
    const [only] = planService(aService({ serving: 1, rollout }), whole, 1).actions;
    expect(only).toMatchObject({
      change: { kind: "pause" },
      reason: expect.stringContaining("kiln rollout promote"),
    });
    const promoted = aService({ serving: 1, rollout: { ...rollout, promoted: true } });
    expect(brief(planService(promoted, whole, 1).actions)).toBe("->2:100 [moved]");
  });

  test("resuming forgives the failures so far", () => {
    const failures = [aFailure(), aFailure(), aFailure()];
    const broken = aView(
      aGroup(1, ["ready", "ready", "ready"], { share: 1 }),
      aGroup(2, ["starting"], { failures }),
    );
    const resumed = aRollout({ judgedFromMs: minute, progressAtMs: minute });
    expect(brief(planService(aService({ serving: 1, rollout: resumed }), broken, minute).actions)).toBe("");
  });

  test("a superseded release keeps its share of the load until the others carry it", () => {
    const noWarm = aRollout({ from: 1, to: 3, policy: aPolicy({ keepWarmMs: 0 }) });
    const loaded = aView(
      aGroup(1, ["ready", "ready"], { share: 0.67 }),
      aGroup(2, ["ready"], { share: 0.33 }),
      aGroup(3, ["starting"]),
    );
    expect(brief(planService(aService({ serving: 1, rollout: noWarm }), loaded, 1).actions)).toBe("1=3");
    const whole = aView(
      aGroup(1, ["ready", "ready", "ready"], { share: 0.67 }),
      aGroup(2, ["ready"], { share: 0.33 }),
      aGroup(3, ["starting"]),
    );
    expect(brief(planService(aService({ serving: 1, rollout: noWarm }), whole, 1).actions)).toBe("2=0");
  });
});

describe("scaled down in the middle of a rollout", () => {
  const policy = aPolicy({ strategy: "canary", steps: [{ share: 0.5, holdMs: minute }] });
  const canary = aRollout({ policy, movedAtMs: 0, highestReady: 2 });
  const scaled = aService({ serving: 1, count: 2, rollout: canary });

  test("a step keeps the servers that have traffic: the old ones may not stand in for them yet", () => {
    const alone = aView(
      aGroup(1, ["ready", "ready", "starting"]),
      aGroup(2, ["ready", "ready"], { share: 1 }),
    );
    expect(brief(planService(scaled, alone, 1).actions)).toBe("1=2 ->2:50,1:50");
    const paused = aService({ ...scaled, rollout: { ...canary, phase: "paused" } });
    expect(brief(planService(paused, alone, 1).actions)).toBe("1=2");
  });

  test("a step lowers the new group where its servers have no traffic, and never keeps more than the count", () => {
    const old = aGroup(1, ["ready", "ready"], { share: 1 });
    expect(brief(planService(scaled, aView(old, aGroup(2, ["ready", "ready"])), 1).actions)).toContain("2=1");
    const many = aView(old, aGroup(2, ["ready", "ready", "ready"], { share: 1 }));
    expect(brief(planService(scaled, many, 1).actions)).toContain("2=2");
  });

  test("a server that waits for its successor does not make the new group larger", () => {
    const servers = aGroup(2, ["ready", "ready"], { share: 0.5, size: 1 });
    const view = aView(aGroup(1, ["ready", "ready"], { share: 0.5 }), servers);
    expect(brief(planService(scaled, view, 1).actions)).toBe("");
  });

  test("the way back: surplus new servers go before the old ones come again", () => {
    const back = aService({ serving: 1, count: 2, rollout: aRollout({ phase: "back", reason: "it broke" }) });
    const old = aGroup(1, ["ready"], { share: 0.5 });
    const view = (states: readonly ServerState[]) => aView(old, aGroup(2, states, { share: 0.5 }));
    expect(brief(planService(back, view(["ready", "starting", "starting"]), 1).actions)).toBe("2=2 1=2");
    expect(brief(planService(back, view(["ready"]), 1).actions)).toBe("1=2");
  });
});

describe("traffic without servers that can take it", () => {
  const old = aGroup(1, ["ready", "ready", "ready"]);
  const dead = aGroup(2, ["starting", "starting", "starting"], { share: 1 });

  test("a deploy turns back when all of its servers fail while it has all the traffic", () => {
    const rollout = aRollout({ step: 2, movedAtMs: 0 });
    const { actions } = planService(aService({ serving: 1, rollout }), aView(old, dead), 1);
    expect(brief(actions)).toBe("[turn-back]");
  });

  test("a rollback does not, and nothing does while the old ones could not serve either", () => {
    const rollback = aRollout({ kind: "rollback", step: 2, movedAtMs: 0 });
    expect(brief(planService(aService({ serving: 1, rollout: rollback }), aView(old, dead), 1).actions)).toBe(
      "",
    );
    const rollout = aRollout({ step: 2, movedAtMs: 0 });
    const starting = aGroup(1, ["starting", "starting", "starting"]);
    expect(brief(planService(aService({ serving: 1, rollout }), aView(starting, dead), 1).actions)).toBe("");
  });

  test("what was seen is recorded first: a platform that refuses more servers does not take the progress away", () => {
    const rollout = aRollout({ step: 1 });
    const view = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }), aGroup(2, ["ready"]));
    expect(brief(planService(aService({ serving: 1, rollout }), view, 1).actions)).toBe("[progress] 2=2");
  });

  test("a platform that refuses more servers does not keep the traffic from those that are ready", () => {
    const half = aView(aGroup(1, ["ready"]));
    expect(brief(planService(aService({ serving: 1 }), half, 1).actions)).toBe("->1:100 1=3");
    expect(brief(planService(aService({ serving: 1 }), aView(aGroup(1, ["starting"])), 1).actions)).toBe(
      "1=3 ->1:100",
    );
    const rollout = aRollout({ phase: "back", reason: "it broke" });
    expect(brief(planService(aService({ serving: 1, rollout }), half, 1).actions)).toBe("->1:100 1=3");
  });

  test("a superseded release without a ready server keeps nothing up", () => {
    const rollout = aRollout({ from: 1, to: 3, policy: aPolicy({ keepWarmMs: 0 }) });
    const superseded = aGroup(2, ["starting"], { share: 1 });
    const view = aView(aGroup(1, ["ready", "starting", "starting"]), superseded, aGroup(3, ["ready"]));
    expect(brief(planService(aService({ serving: 1, rollout }), view, 1).actions)).toBe(
      "[progress] 2=0 ->3:33,1:67 [moved]",
    );
  });

  test("those that are ready get it back while a rollout waits for more", () => {
    const rollout = aRollout({ step: 2, highestReady: 2 });
    const dark = aView(
      aGroup(1, ["starting", "starting", "starting"], { share: 0.33 }),
      aGroup(2, ["ready", "ready", "starting"]),
    );
    expect(brief(planService(aService({ serving: 1, rollout }), dark, 1).actions)).toBe("->2:100");
  });

  test("a superseded release keeps all of the traffic until those that take part can carry it", () => {
    const rollout = aRollout({ from: 1, to: 3, step: 2 });
    const superseded = aGroup(2, ["ready", "ready", "ready"], { share: 1 });
    const coming = aGroup(3, ["ready", "starting", "starting"]);
    expect(
      brief(planService(aService({ serving: 1, rollout }), aView(old, superseded, coming), 1).actions),
    ).toBe("[progress]");
    const first = aRollout({ from: 1, to: 3, highestReady: 1 });
    const few = aView(aGroup(1, ["ready", "starting", "starting"]), superseded, aGroup(3, ["ready"]));
    expect(brief(planService(aService({ serving: 1, rollout: first }), few, 1).actions)).toBe("");
  });
});

describe("no rollout", () => {
  const steady = (overrides = {}) => aService({ serving: 1, ...overrides });

  test("nothing to do when all is as desired", () => {
    expect(planService(steady(), serving, 0)).toEqual({ actions: [], wakeAtMs: undefined });
  });

  test("changing only count scales", () => {
    expect(brief(planService(steady({ count: 5 }), serving, 0).actions)).toBe("1=5");
    expect(brief(planService(steady({ count: 0 }), serving, 0).actions)).toBe("1=0");
  });

  test("a controller that has forgotten asks again", () => {
    const forgotten = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1, size: undefined }));
    expect(brief(planService(steady(), forgotten, 0).actions)).toBe("1=3");
  });

  test("after a restart of the machine everything is made again", () => {
    expect(brief(planService(steady(), emptyView("shop"), 0).actions)).toBe("1=3 ->1:100");
  });

  test("a warm group waits for its time, then goes", () => {
    const warm = steady({ serving: 2, warm: [{ release: 1, untilMs: minute }] });
    const view = aView(
      aGroup(1, ["ready", "ready", "ready"]),
      aGroup(2, ["ready", "ready", "ready"], { share: 1 }),
    );
    expect(planService(warm, view, 0)).toEqual({ actions: [], wakeAtMs: minute });
    expect(brief(planService(warm, view, minute).actions)).toBe("1=0 [warm-over]");
  });

  test("servers of a release that is not known any more are destroyed one by one", () => {
    const view = aView(aGroup(1, ["ready", "ready", "ready"], { share: 1 }), aGroup(9, ["ready"]));
    expect(brief(planService(steady(), view, 0).actions)).toBe("xshop-9-1-1");
  });

  test("frontends are closed when no server is left: a server that finishes its requests needs the router", () => {
    const draining = aView(aGroup(1, ["draining"], { share: 1, size: 0 }));
    const gone = aView(aGroup(1, [], { share: 1, size: 0 }));
    expect(brief(planService(steady({ removed: true }), draining, 0).actions)).toBe("");
    expect(brief(planService(steady({ removed: true }), gone, 0).actions)).toBe("->none");
  });

  test("scaled to none, the frontend stays open, also after a restart of the controller or the machine", () => {
    const none = steady({ count: 0 });
    expect(brief(planService(none, aView(aGroup(1, [], { share: 1, size: 0 })), 0).actions)).toBe("");
    expect(brief(planService(none, { ...emptyView("shop"), routed: true }, 0).actions)).toBe("->1:100");
    expect(brief(planService(none, emptyView("shop"), 0).actions)).toBe("->1:100");
  });

  test("a deploy of none moves the frontend to the new release, and one that turns back moves it back", () => {
    const closed = aView(aGroup(1, [], { share: 1, size: 0 }));
    const none = (overrides: object) => steady({ count: 0, rollout: aRollout(overrides, 0) });
    expect(brief(forecast(none({}), closed, 0).actions)).toBe("->2:100 [moved] [complete]");
    const moved = aView(aGroup(2, [], { share: 1, size: 0 }));
    expect(brief(forecast(none({ phase: "back" }), moved, 0).actions)).toBe("->1:100 [rolled-back]");
  });

  test("frontends that are open are closed, also when no release has a share", () => {
    const open = { ...aView(aGroup(1, [], { size: undefined })), routed: true };
    expect(brief(planService(steady({ removed: true }), open, 0).actions)).toBe("->none");
  });

  test("what is left of failed servers goes with its release, also when the controller is a new one", () => {
    const left = aGroup(2, [], { size: undefined, remains: ["shop-2-1-1"] });
    const present = aGroup(1, ["ready", "ready", "ready"], { share: 1 });
    expect(brief(planService(steady(), aView(present, left), 0).actions)).toBe("2=0");
    const unknown = aGroup(9, [], { size: undefined, remains: ["shop-9-1-1"] });
    expect(brief(planService(steady(), aView(present, unknown), 0).actions)).toBe("xshop-9-1-1");
  });

  test("removal lowers every group, closes the frontends, then forgets", () => {
    const removed = steady({ removed: true });
    expect(brief(planService(removed, serving, 0).actions)).toBe("1=0");
    expect(brief(planService(removed, emptyView("shop"), 0).actions)).toBe("[gone]");
  });

  test("services that no one asked for are left alone", () => {
    const stray = { ...aGroup(1, ["ready"]), service: "unknown" };
    expect(plan([], { groups: [stray], routed: [] }, 0).actions).toEqual([]);
  });
});

test("one pass over 1,000 services with 10,000 servers takes less than 200 ms", () => {
  const services = Array.from({ length: 1000 }, (_, i) => `svc-${i}`);
  const desired = services.map((service) =>
    aService({ service, count: 10, serving: 1, releases: new Map([[1, aRelease(1)]]) }),
  );
  const states = Array.from({ length: 10 }, () => "ready" as const);
  const groups = services.map((service) => ({ ...aGroup(1, states, { share: 1 }), service }));
  const passMs = () => {
    const before = performance.now();
    expect(plan(desired, { groups, routed: services }, 0).actions).toEqual([]);
    return performance.now() - before;
  };
  // The fastest of some: whatever else the machine does must not count.
  expect(Math.min(...Array.from({ length: 10 }, passMs))).toBeLessThan(200);
});
