import { expect, test } from "vitest";
import { forecast } from "../../forecast/forecast.ts";
import type { GroupObservation, JobExit, JobObservation } from "../../observation.ts";
import type { Action, RecordChange } from "../../rollout/actions.ts";
import type { JobRun } from "../../rollout/job-run.ts";
import { applyChange } from "../../rollout/record.ts";
import type { DesiredService, Rollout } from "../../rollout/rollout.ts";
import type { JobSpec } from "../../spec/job-spec.ts";
import { aGroup, aPolicy, aRelease, aRollout, aService, aView, minute, second } from "../../testing.ts";
import { planService } from "../plan.ts";
import type { ServiceView } from "../service-view.ts";

function aJob(name: string, when: JobSpec["when"] = "before"): JobSpec {
  return { name, when, command: ["/app", name], deadlineMs: minute };
}

function aRun(name: string, overrides: Partial<JobRun> = {}): JobRun {
  return { name, when: "before", startedAtMs: 0, deadlineMs: minute, end: undefined, ...overrides };
}

function anExit(overrides: Partial<JobExit> = {}): JobExit {
  return {
    atMs: second,
    exitCode: 0,
    reason: "exited with code 0 after 1 s",
    logTail: ["bye"],
    ...overrides,
  };
}

const failedExit = anExit({ exitCode: 3, reason: "exited with code 3 after 1 s" });

function seen(name: string, overrides: Partial<JobObservation> = {}): JobObservation {
  const { release = 2, rollout = 1 } = overrides;
  const id = `shop-${release}-${rollout}_${name}`;
  return { id, service: "shop", release, rollout, name, state: "running", end: undefined, ...overrides };
}

function desired(jobs: readonly JobSpec[], rollout: Partial<Rollout> = {}): DesiredService {
  const releases = new Map([
    [1, aRelease(1)],
    [2, aRelease(2, { jobs })],
  ]);
  const policy = aPolicy({ strategy: "blue-green", bakeMs: 0 });
  return aService({ serving: 1, releases, rollout: aRollout({ policy, ...rollout }) });
}

function view(jobs: readonly JobObservation[], ...groups: readonly GroupObservation[]): ServiceView {
  const old = aGroup(1, ["ready", "ready", "ready"], { share: 1 });
  return { ...aView(...(groups.length === 0 ? [old] : groups)), jobs };
}

/** In short, as people would tell it. */
function told(actions: readonly Action[]): readonly string[] {
  return actions.map((a) => {
    if (a.kind === "resize") return `${a.release}=${a.size}`;
    if (a.kind === "run-job" || a.kind === "end-job" || a.kind === "forget-job") return `${a.kind} ${a.job}`;
    if (a.kind !== "record") return a.kind;
    return a.change.kind === "job-ended" ? `${a.change.job} ${a.change.end.outcome}` : a.change.kind;
  });
}

const plan = (d: DesiredService, v: ServiceView, nowMs = second) => told(planService(d, v, nowMs).actions);

test("before anything else the first job runs; nothing of the new release is made", () => {
  expect(plan(desired([aJob("a"), aJob("b")]), view([]))).toEqual(["run-job a"]);
});

test("while one runs, the plan waits for its deadline", () => {
  const d = desired([aJob("a"), aJob("b")], { jobs: [aRun("a")] });
  expect(planService(d, view([seen("a")]), second)).toEqual({ actions: [], wakeAtMs: minute });
  expect(plan(d, view([seen("a", { state: "creating" })]))).toEqual([]);
});

test("an end is recorded, and then comes the next", () => {
  const ended = seen("a", { state: "succeeded", end: anExit() });
  expect(plan(desired([aJob("a"), aJob("b")], { jobs: [aRun("a")] }), view([ended]))).toEqual([
    "a succeeded",
  ]);
  const done = [aRun("a", { end: { ...anExit(), outcome: "succeeded" } })];
  expect(plan(desired([aJob("a"), aJob("b")], { jobs: done }), view([ended]))).toEqual(["run-job b"]);
  expect(plan(desired([aJob("a")], { jobs: done }), view([ended]))).toEqual(["2=3"]);
});

test("a failed one turns the rollout back, whatever the policy says, and nothing more is started", () => {
  const jobs = [aRun("a", { end: { ...failedExit, outcome: "failed" } })];
  const d = desired([aJob("a"), aJob("b")], { jobs, policy: aPolicy({ onFailure: "stop" }) });
  const { actions } = planService(d, view([]), second);
  expect(actions).toMatchObject([
    { change: { kind: "turn-back" }, reason: "job a exited with code 3 after 1 s" },
  ]);
});

test("what has disappeared never runs again: its outcome is not known, so it has failed", () => {
  const { actions } = planService(desired([aJob("a")], { jobs: [aRun("a")] }), view([]), second);
  expect(actions).toMatchObject([{ change: { kind: "job-ended", end: { outcome: "failed" } } }]);
});

test("one whose creation was cut off before its command began is started again, but not while paused", () => {
  const v = view([seen("a", { state: "unstarted" })]);
  expect(plan(desired([aJob("a")], { jobs: [aRun("a")] }), v)).toEqual(["run-job a"]);
  expect(plan(desired([aJob("a")], { jobs: [aRun("a")], phase: "paused" }), v)).toEqual([]);
});

test("over its deadline it is ended, and has failed even if it then ends well", () => {
  const d = desired([aJob("a")], { jobs: [aRun("a")] });
  expect(plan(d, view([seen("a")]), minute)).toEqual(["end-job shop-2-1_a"]);
  const late = seen("a", { state: "succeeded", end: anExit({ atMs: minute + 1 }) });
  const { actions } = planService(d, view([late]), minute + 1);
  expect(actions).toMatchObject([
    { change: { end: { outcome: "failed" } }, reason: "job a did not end within 60 s" },
  ]);
});

test("one that ended just before the clock was set back has not ended late", () => {
  const d = desired([aJob("a")], { jobs: [aRun("a")] });
  const ended = seen("a", { state: "succeeded", end: anExit({ atMs: 60 * minute }) });
  const { actions } = planService(d, view([ended]), second);
  expect(actions).toMatchObject([{ change: { end: { outcome: "succeeded", atMs: second } } }]);
});

test("one that cannot be ended counts as failed a minute later", () => {
  const d = desired([aJob("a")], { jobs: [aRun("a")] });
  expect(plan(d, view([seen("a")]), 2 * minute)).toEqual(["end-job shop-2-1_a", "a failed"]);
});

test("a pause lets it end and starts nothing new, neither job nor server", () => {
  const paused = { phase: "paused", jobs: [aRun("a")] } as const;
  const ended = seen("a", { state: "succeeded", end: anExit() });
  expect(plan(desired([aJob("a"), aJob("b")], paused), view([ended]))).toEqual(["a succeeded"]);
  const jobs = [aRun("a", { end: { ...anExit(), outcome: "succeeded" } })];
  expect(plan(desired([aJob("a"), aJob("b")], { phase: "paused", jobs }), view([ended]))).toEqual([]);
});

test("on the way back the running job ends first, then the rollout", () => {
  const d = desired([aJob("a")], { phase: "back", jobs: [aRun("a")] });
  expect(plan(d, view([seen("a")]))).toEqual(["end-job shop-2-1_a"]);
  const ended = seen("a", { state: "failed", end: failedExit });
  expect(plan(d, view([ended]))).toEqual(["a stopped", "end"]);
  expect(plan(d, view([seen("a")]), 11 * minute)).toEqual(["end-job shop-2-1_a", "end"]);
});

test("a job of another rollout ends before one of this begins", () => {
  const old = seen("a", { rollout: 7 });
  const d = desired([aJob("a")], { id: 8 });
  expect(plan(d, view([old]))).toEqual(["end-job shop-2-7_a"]);
  expect(plan(d, view([old]), 11 * minute)).toEqual(["end-job shop-2-7_a", "turn-back"]);
});

test("without a rollout no job runs, and only the newest rollout's logs of each kept release stay", () => {
  const d = aService({ serving: 1, releases: new Map([[1, aRelease(1)]]) });
  const end = anExit();
  const v = view([
    seen("a", { release: 1, rollout: 3 }),
    seen("b", { release: 1, rollout: 2, state: "succeeded", end }),
    seen("c", { release: 9, rollout: 1, state: "failed", end }),
  ]);
  expect(plan(d, v)).toEqual(["end-job shop-1-3_a", "forget-job shop-1-2_b", "forget-job shop-9-1_c"]);
});

test("a removed service is gone only when its jobs are", () => {
  const d = { ...desired([]), rollout: undefined, removed: true };
  const v = { ...view([seen("a")]), groups: new Map(), routed: false };
  expect(plan(d, v)).toEqual(["forget-job shop-2-1_a"]);
  expect(plan(d, { ...v, jobs: [] })).toEqual(["gone"]);
});

const moved = [
  aGroup(1, ["ready", "ready", "ready"]),
  aGroup(2, ["ready", "ready", "ready"], { share: 1 }),
] as const;
const onTheWay = { movedAtMs: 0, highestReady: 3 } as const;

test("`after` jobs run once all the traffic has moved, and the rollout ends with them", () => {
  const jobs = [aJob("smoke", "after")];
  expect(plan(desired(jobs), view([], aGroup(1, ["ready", "ready", "ready"], { share: 1 })))).toEqual([
    "2=3",
  ]);
  expect(plan(desired(jobs, onTheWay), view([], ...moved))).toEqual(["run-job smoke"]);
  const run = aRun("smoke", { when: "after" });
  const running = planService(
    desired(jobs, { ...onTheWay, jobs: [run] }),
    view([seen("smoke")], ...moved),
    second,
  );
  expect(running).toEqual({ actions: [], wakeAtMs: minute });
  const done = { ...run, end: { ...anExit(), outcome: "succeeded" } as const };
  expect(plan(desired(jobs, { ...onTheWay, jobs: [done] }), view([], ...moved))).toEqual(["end"]);
});

test("a failed `after` job is a failure like any other: back, or a pause that can be forgiven", () => {
  const jobs = [aJob("smoke", "after")];
  const failed = [aRun("smoke", { when: "after", end: { ...failedExit, outcome: "failed" } })];
  expect(plan(desired(jobs, { ...onTheWay, jobs: failed }), view([], ...moved))).toEqual(["turn-back"]);
  const policy = aPolicy({ strategy: "blue-green", bakeMs: 0, onFailure: "stop" });
  const stopping = desired(jobs, { ...onTheWay, jobs: failed, policy });
  expect(plan(stopping, view([], ...moved))).toEqual(["pause"]);
  const forgiven = desired(jobs, { ...onTheWay, jobs: failed, policy, judgedFromMs: 2 * second });
  expect(plan(forgiven, view([], ...moved), 3 * second)).toEqual(["end"]);
});

test("its deadline counts also while servers are missing", () => {
  const d = desired([aJob("smoke", "after")], { ...onTheWay, jobs: [aRun("smoke", { when: "after" })] });
  const missing = aGroup(2, ["ready", "ready", "starting"], { share: 1 });
  const v = view([seen("smoke")], moved[0], missing);
  expect(planService(d, v, second).wakeAtMs).toBe(minute);
  expect(plan(d, v, minute)).toEqual(["end-job shop-2-1_smoke"]);
});

test("a rollback runs none", () => {
  expect(plan(desired([aJob("a"), aJob("b", "after")], { kind: "rollback" }), view([]))).toEqual(["2=3"]);
});

test("the preview tells of them where they come", () => {
  const jobs = [aJob("migrate"), aJob("smoke", "after")];
  const { actions } = forecast(desired(jobs), view([]), 0);
  const lines = told(actions).filter((line) => !["progress", "moved"].includes(line));
  expect(lines).toEqual(
    ["run-job migrate", "2=3", "route", "run-job smoke", "end", "1=3", "warm-over"].slice(0, 5),
  );
});

test("a job that has ended cannot begin again, and its end gives the rollout a fresh deadline", () => {
  const started: RecordChange = { kind: "job-started", rollout: 1, job: aJob("a"), atMs: 5 };
  const ended: RecordChange = {
    kind: "job-ended",
    rollout: 1,
    job: "a",
    end: { ...anExit(), outcome: "succeeded" },
    atMs: 30 * minute,
  };
  const changed = [started, ended, started].reduce(
    (d: DesiredService, change) => applyChange(d, change) ?? d,
    desired([aJob("a")]),
  );
  expect(changed.rollout).toMatchObject({
    progressAtMs: 30 * minute,
    jobs: [{ startedAtMs: 5, end: { exitCode: 0 } }],
  });
  expect(changed.rollout?.jobs).toHaveLength(1);
});
