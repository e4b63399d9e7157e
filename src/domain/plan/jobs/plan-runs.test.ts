import { expect, test } from "vitest";
import type { JobExit, JobObservation } from "../../observation.ts";
import type { Action } from "../../rollout/actions.ts";
import type { ScheduledRun } from "../../rollout/job-run.ts";
import { aRelease, aService, aView, minute, second } from "../../testing.ts";
import { planRuns } from "./plan-runs.ts";

function aRun(id: number, overrides: Partial<ScheduledRun> = {}): ScheduledRun {
  return {
    ...{ id, job: "tick", release: 1, command: ["/app", "tick"], overlap: "skip", deadlineMs: 5 * minute },
    ...{ dueAtMs: 0, askedBy: undefined, createdAtMs: 0, startedAtMs: 0, end: undefined },
    ...overrides,
  };
}

function seen(run: number, overrides: Partial<JobObservation> = {}): JobObservation {
  return {
    ...{ id: `job-${run}`, service: "shop", release: 1, rollout: 0, run, name: "tick" },
    ...{ state: "running", end: undefined },
    ...overrides,
  };
}

const anExit: JobExit = { atMs: second, exitCode: 0, reason: "exited with code 0 after 1 s", logTail: [] };

/** What is planned, in short. */
function planned(runs: readonly ScheduledRun[], jobs: readonly JobObservation[], nowMs: number): string[] {
  const desired = aService({ serving: 1, releases: new Map([[1, aRelease(1)]]), runs });
  return planRuns(desired, { ...aView(), jobs }, nowMs).actions.map(told);
}

function told(action: Action): string {
  if (action.kind === "end-job" || action.kind === "forget-job") return `${action.kind} ${action.job}`;
  if (action.kind === "begin-run") return `begin-run ${action.run}`;
  if (action.kind !== "record" || action.change.kind !== "run-ended") return action.kind;
  return `run ${action.change.run} ${action.change.end.outcome}`;
}

test("a run past its deadline is ended, however late that is noticed", () => {
  expect(planned([aRun(1)], [seen(1)], 5 * minute - 1)).toEqual([]);
  expect(planned([aRun(1)], [seen(1)], 5 * minute)).toEqual(["end-job job-1"]);
  expect(planned([aRun(1)], [seen(1)], 6 * minute)).toEqual(["end-job job-1", "run 1 failed"]);
});

test("a run that is over and still runs is ended, and the next of its job waits for that", () => {
  const over = aRun(1, { end: { ...anExit, outcome: "failed" } });
  const next = aRun(2, { startedAtMs: undefined });
  const nowMs = 7 * minute;
  expect(planned([over, next], [seen(1)], nowMs)).toEqual(["end-job job-1"]);
  const ended = seen(1, { state: "failed", end: anExit });
  expect(planned([over, next], [ended], nowMs)).toEqual(["begin-run 2"]);
  expect(planned([over, { ...next, overlap: "allow" }], [seen(1)], nowMs)).toEqual([
    "end-job job-1",
    "begin-run 2",
  ]);
});

test("a run that has to end does not begin again", () => {
  const next = aRun(2, { startedAtMs: undefined, overlap: "replace" });
  expect(planned([aRun(1), next], [seen(1, { state: "unstarted" })], minute)).toEqual(["end-job job-1"]);
  expect(planned([aRun(1)], [seen(1, { state: "unstarted" })], minute)).toEqual(["begin-run 1"]);
});
