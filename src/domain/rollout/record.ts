import type { RecordChange, RolloutChange } from "./actions.ts";
import type { JobRun, ScheduledRun } from "./job-run.ts";
import type { DesiredService, Rollout } from "./rollout.ts";

/**
 * What is desired after a change; undefined when the service is gone. A change that speaks of another rollout than
 * the running one is stale and changes nothing: its planner will look again.
 */
export function applyChange(desired: DesiredService, change: RecordChange): DesiredService | undefined {
  if (change.kind === "gone") return undefined;
  if (change.kind === "warm-over") {
    return { ...desired, warm: desired.warm.filter((w) => w.release !== change.release) };
  }
  if (change.kind === "taint-over") {
    return { ...desired, taints: desired.taints.filter((t) => t.server !== change.server) };
  }
  if (change.kind === "run-begun" || change.kind === "run-ended") {
    return { ...desired, runs: desired.runs?.map((run) => changeRun(run, change, desired)) };
  }
  const rollout = desired.rollout;
  if (rollout === undefined || rollout.id !== change.rollout) return desired;
  if (change.kind === "end") {
    return { ...desired, serving: change.serving, warm: change.warm, rollout: undefined };
  }
  return { ...desired, rollout: changeRollout(rollout, change) };
}

function changeRun(run: ScheduledRun, change: RunChange, { target }: DesiredService): ScheduledRun {
  if (run.id !== change.run || run.end !== undefined) return run;
  return change.kind === "run-begun"
    ? { ...run, target, startedAtMs: change.atMs }
    : { ...run, end: change.end };
}

type RunChange = Extract<RecordChange, { readonly kind: "run-begun" | "run-ended" }>;

/** The rollout's record after a change of it. */
export function changeRollout(rollout: Rollout, change: RolloutChange, reason?: string): Rollout {
  switch (change.kind) {
    case "progress":
      return { ...rollout, highestReady: change.highestReady, progressAtMs: change.atMs };
    case "moved":
      return { ...rollout, movedAtMs: change.atMs, promoted: false, verdict: undefined };
    case "step":
      return { ...atRest(rollout), step: change.step, progressAtMs: change.atMs };
    case "job-started":
      return jobStarted(rollout, change);
    case "job-ended":
      return {
        ...rollout,
        jobs: rollout.jobs.map((run) => (run.name === change.job ? { ...run, end: change.end } : run)),
        progressAtMs: change.atMs,
      };
    case "judged":
      return { ...rollout, verdict: change.verdict };
    case "turn-back":
      return { ...atRest(rollout), phase: "back", progressAtMs: change.atMs, reason };
    case "pause":
      return { ...rollout, phase: "paused", reason };
    case "resume":
      return { ...resumed(rollout, change.atMs), verdict: undefined };
    case "promote":
      return { ...resumed(rollout, change.atMs), promoted: true };
    case "end":
      return { ...rollout, phase: change.phase, endedAtMs: change.atMs, reason: reason ?? rollout.reason };
  }
}

/** The rollout as it would be if everything in it had happened so much later: on a clock that was set forward by that. */
export function shiftRollout(rollout: Rollout, byMs: number): Rollout {
  const { movedAtMs, verdict } = rollout;
  return {
    ...rollout,
    startedAtMs: rollout.startedAtMs + byMs,
    progressAtMs: rollout.progressAtMs + byMs,
    judgedFromMs: rollout.judgedFromMs + byMs,
    movedAtMs: movedAtMs === undefined ? undefined : movedAtMs + byMs,
    verdict: verdict && { ...verdict, atMs: verdict.atMs + byMs },
    jobs: rollout.jobs.map((run) => shiftJob(run, byMs)),
  };
}

function shiftJob(run: JobRun, byMs: number): JobRun {
  const end = run.end && { ...run.end, atMs: run.end.atMs + byMs };
  return { ...run, startedAtMs: run.startedAtMs + byMs, end };
}

type JobStarted = Extract<RolloutChange, { readonly kind: "job-started" }>;

/** A job whose creation a crash has left unfinished begins again; a job that has ended stays as it is. */
function jobStarted(rollout: Rollout, { job, atMs }: JobStarted): Rollout {
  const { name, when, deadlineMs } = job;
  const known = rollout.jobs.find((run) => run.name === name);
  if (known?.end !== undefined) return rollout;
  const run: JobRun = { name, when, deadlineMs, startedAtMs: atMs, end: undefined };
  return { ...rollout, jobs: [...rollout.jobs.filter((other) => other !== known), run], progressAtMs: atMs };
}

/** Before the traffic of a step has moved. */
function atRest(rollout: Rollout): Rollout {
  return { ...rollout, movedAtMs: undefined, promoted: false, verdict: undefined };
}

function resumed(rollout: Rollout, atMs: number): Rollout {
  return { ...rollout, phase: "forward", progressAtMs: atMs, judgedFromMs: atMs, reason: undefined };
}
