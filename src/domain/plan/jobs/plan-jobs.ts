import { earliest } from "../../earliest.ts";
import type { JobExit, JobObservation } from "../../observation.ts";
import type { Action, Plan } from "../../rollout/actions.ts";
import type { JobEnd, JobRun } from "../../rollout/job-run.ts";
import type { DesiredService, Rollout } from "../../rollout/rollout.ts";
import type { JobSpec } from "../../spec/job-spec.ts";
import { act, deadlineMs, type Look, record } from "../rollout/rollout-look.ts";
import type { ServiceView } from "../service-view.ts";

/** After its deadline a job has this long to end before it counts as failed all the same. */
const endingMs = 60_000;

/** How far the jobs of one kind are. */
export interface JobStage {
  /** The next one begins. */
  readonly starting: readonly Action[];
  /** Why the rollout has to be given up. */
  readonly failure: string | undefined;
  readonly isDone: boolean;
}

/** One job after the other; a rollback has none. */
export function planJobs(look: Look, when: JobSpec["when"]): JobStage {
  const { rollout } = look;
  const specs = jobsOf(look, when);
  const runs = specs.map((spec) => runOf(rollout, spec));
  const failed = runs.find((run) => run?.end !== undefined && !hasPassed(rollout, run));
  const failure = failed && `job ${failed.name} ${failed.end?.reason}`;
  const isDone = runs.every((run) => run !== undefined && hasPassed(rollout, run));
  const isFree = failed === undefined && !runs.some(isUnderWay) && strangersOf(look).length === 0;
  const next = isFree ? specs.find((spec) => runOf(rollout, spec) === undefined) : undefined;
  return { starting: next === undefined ? [] : [runJob(look, next)], failure, isDone };
}

/**
 * Nothing of the new release exists until its `before` jobs have succeeded: undefined then. `stays` gives what is done
 * meanwhile.
 */
export function planBefore(look: Look, stays: () => readonly Action[]): Plan | undefined {
  const { rollout, nowMs } = look;
  const { starting, failure, isDone } = planJobs(look, "before");
  if (isDone) return undefined;
  const waits = strangersOf(look).length > 0 && !rollout.jobs.some(isUnderWay);
  const late = waits && nowMs >= deadlineMs(rollout);
  const why = failure ?? (late ? "a job of an earlier rollout did not end in time" : undefined);
  if (why !== undefined) {
    return act([...stays(), record(look, { kind: "turn-back", rollout: rollout.id, atMs: nowMs }, why)]);
  }
  const tending = tendJobs(look);
  const actions = [...stays(), ...tending.actions, ...starting];
  return { actions, wakeAtMs: waits ? deadlineMs(rollout) : tending.wakeAtMs };
}

/** What has become of the running job. Starts nothing new. */
export function tendJobs(look: Look): Plan {
  const running = look.rollout.jobs.filter(isUnderWay);
  const wakes = running.map(dueMs).map((atMs) => (atMs > look.nowMs ? atMs : atMs + endingMs));
  return {
    actions: running.flatMap((run) => tend(look, run)),
    wakeAtMs: earliest(...wakes),
  };
}

/** A rollout that turns back ends when all of its jobs have ended, or when that takes too long. */
export function endJobsFirst(look: Look, plan: Plan): Plan {
  const { rollout, view, nowMs } = look;
  const stopped = rollout.jobs.filter(isUnderWay).flatMap((run) => {
    const seen = jobOf(look, run);
    return seen !== undefined && seen.end === undefined ? [] : [endOf(look, run, "stopped", seen?.end)];
  });
  const isOver = !view.jobs.some((job) => job.rollout === rollout.id && job.end === undefined);
  if (isOver || nowMs >= deadlineMs(rollout)) return { ...plan, actions: [...stopped, ...plan.actions] };
  const waiting = plan.actions.filter((action) => action.kind !== "record" || action.change.kind !== "end");
  return { actions: [...stopped, ...waiting], wakeAtMs: plan.wakeAtMs ?? deadlineMs(rollout) };
}

/** Jobs that run and should not, and jobs whose logs are no longer kept: of each release, the newest rollout's stay. */
export function tidyJobs(desired: DesiredService, view: ServiceView, nowMs: number): readonly Action[] {
  const { service } = desired;
  return view.jobs.flatMap((job): readonly Action[] => {
    if (job.run !== undefined) return [];
    const gone = desired.removed || !desired.releases.has(job.release);
    const older = view.jobs.some((other) => other.release === job.release && other.rollout > job.rollout);
    if (gone) return [{ kind: "forget-job", service, job: job.id, reason: "its release is no longer kept" }];
    if (job.end !== undefined) {
      const reason = "a newer rollout to its release has run it";
      return older ? [{ kind: "forget-job", service, job: job.id, reason }] : [];
    }
    const reason = whyEnd(desired, job, nowMs);
    return reason === undefined ? [] : [{ kind: "end-job", service, job: job.id, reason }];
  });
}

/** Why a running job has to end; undefined while it may continue. */
function whyEnd({ rollout }: DesiredService, job: JobObservation, nowMs: number): string | undefined {
  if (rollout?.id !== job.rollout) return "its rollout is over";
  if (rollout.phase === "back") return "its rollout turns back";
  const run = rollout.jobs.find(({ name }) => name === job.name);
  if (run === undefined || run.end !== undefined) return "its rollout does not wait for it";
  return nowMs < dueMs(run) ? undefined : `it did not end within ${timeWords(run.deadlineMs)}`;
}

function jobsOf({ desired, rollout }: Look, when: JobSpec["when"]): readonly JobSpec[] {
  if (rollout.kind !== "deploy") return [];
  return (desired.releases.get(rollout.to)?.jobs ?? []).filter((job) => job.when === when);
}

/** Continuing a rollout forgives a failed `after` job, as it forgives failed servers; a failed `before` job stays failed. */
function hasPassed({ judgedFromMs }: Rollout, { when, end }: JobRun): boolean {
  if (end?.outcome === "succeeded") return true;
  return when === "after" && end !== undefined && end.atMs < judgedFromMs;
}

function runOf({ jobs }: Rollout, { name }: JobSpec): JobRun | undefined {
  return jobs.find((run) => run.name === name);
}

function isUnderWay(run: JobRun | undefined): run is JobRun {
  return run !== undefined && run.end === undefined;
}

/** Jobs of other rollouts that still run: two of them at once could be two migrations at once. */
function strangersOf({ rollout, view }: Look): readonly JobObservation[] {
  return view.jobs.filter(
    (job) => job.run === undefined && job.rollout !== rollout.id && job.end === undefined,
  );
}

function runJob({ desired, rollout }: Look, { name, when }: JobSpec): Action {
  const reason =
    when === "before"
      ? `before any server of release ${rollout.to}`
      : `release ${rollout.to} has all the traffic`;
  return { kind: "run-job", service: desired.service, rollout: rollout.id, job: name, reason };
}

function tend(look: Look, run: JobRun): readonly Action[] {
  const { rollout, nowMs } = look;
  const seen = jobOf(look, run);
  const due = dueMs(run);
  if (seen === undefined) return [endOf(look, run, "failed", undefined)];
  if (seen.end !== undefined) {
    const late = notLater(seen.end, nowMs).atMs >= due;
    return [endOf(look, run, seen.state === "succeeded" && !late ? "succeeded" : "failed", seen.end)];
  }
  if (nowMs >= due + endingMs) return [endOf(look, run, "failed", { ...unknownEnd(nowMs), atMs: nowMs })];
  const mayStart = rollout.phase === "forward" && nowMs < due;
  const spec = jobsOf(look, run.when).find(({ name }) => name === run.name);
  return seen.state === "unstarted" && mayStart && spec !== undefined ? [runJob(look, spec)] : [];
}

function endOf(look: Look, run: JobRun, outcome: JobEnd["outcome"], exit: JobExit | undefined): Action {
  const { rollout, nowMs } = look;
  const known = exit === undefined ? unknownEnd(nowMs) : notLater(exit, nowMs);
  const late = outcome === "failed" && known.atMs >= dueMs(run);
  const reason = late ? `did not end within ${timeWords(run.deadlineMs)}` : known.reason;
  const end: JobEnd = {
    ...known,
    reason: outcome === "stopped" ? "was stopped with its rollout" : reason,
    outcome,
  };
  return record(
    look,
    { kind: "job-ended", rollout: rollout.id, job: run.name, end, atMs: nowMs },
    `job ${run.name} ${end.reason}`,
  );
}

/** An end in the future was stamped by a clock that was set back since: the job is over all the same, and may have ended in time. */
function notLater(exit: JobExit, nowMs: number): JobExit {
  return { ...exit, atMs: Math.min(exit.atMs, nowMs) };
}

/** The job never runs a second time: its result is unknown, and a second run could break a migration. */
function unknownEnd(nowMs: number): JobExit {
  const reason = "was lost; its result is unknown";
  return { atMs: nowMs, exitCode: undefined, reason, logTail: [] };
}

function dueMs({ startedAtMs, deadlineMs }: JobRun): number {
  return startedAtMs + deadlineMs;
}

/** The run as the platform has it. */
function jobOf({ rollout, view }: Look, { name }: JobRun): JobObservation | undefined {
  return view.jobs.find(
    (job) => job.release === rollout.to && job.rollout === rollout.id && job.name === name,
  );
}

export function timeWords(ms: number): string {
  return ms < 120_000 ? `${ms / 1000} s` : `${Math.round(ms / 6000) / 10} min`;
}
