import { earliest } from "../../earliest.ts";
import type { JobExit, JobObservation } from "../../observation.ts";
import type { Action, Plan } from "../../rollout/actions.ts";
import type { JobEnd, ScheduledRun } from "../../rollout/job-run.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import type { ServiceView } from "../service-view.ts";
import { timeWords } from "./plan-jobs.ts";

/** After its deadline a run has this long to end before it counts as failed all the same. */
const endingMs = 60_000;

interface Look {
  readonly desired: DesiredService;
  readonly open: readonly ScheduledRun[];
  readonly view: ServiceView;
  readonly nowMs: number;
}

/** Runs of no rollout: begins those that wait, ends those that must end, records what became of them, forgets old ones. */
export function planRuns(desired: DesiredService, view: ServiceView, nowMs: number): Plan {
  const runs = desired.runs ?? [];
  const open = runs.filter(({ end }) => end === undefined);
  const look = { desired, open, view, nowMs };
  const tidying = view.jobs.flatMap((job) => tidy(look, job));
  if (desired.removed) return { actions: tidying, wakeAtMs: undefined };
  const wakes = open.flatMap((run) => {
    const due = dueMs(run);
    return due === undefined ? [] : [due > nowMs ? due : due + endingMs];
  });
  return { actions: [...tidying, ...open.flatMap((run) => tend(look, run))], wakeAtMs: earliest(...wakes) };
}

/** Ends what runs and should not, however its run was recorded; forgets what is no longer kept. */
function tidy(look: Look, { id, run: number, end }: JobObservation): readonly Action[] {
  const { service, removed, runs = [] } = look.desired;
  if (number === undefined) return [];
  const run = runs.find((known) => known.id === number);
  if (run === undefined || removed)
    return [{ kind: "forget-job", service, job: id, reason: "its run is no longer kept" }];
  const reason = end === undefined ? whyEnd(look, run) : undefined;
  return reason === undefined ? [] : [{ kind: "end-job", service, job: id, reason }];
}

function tend(look: Look, run: ScheduledRun): readonly Action[] {
  const { desired, nowMs } = look;
  const { startedAtMs } = run;
  if (!desired.releases.has(run.release))
    return [ended(look, run, "stopped", unknownEnd(nowMs, "was given up: its release is no longer kept"))];
  if (startedAtMs === undefined) return mayBegin(look, run) ? [begin(look, run)] : [];
  const seen = jobOf(look, run);
  // It may have begun: it never begins a second time.
  if (seen === undefined)
    return [ended(look, run, "failed", unknownEnd(nowMs, "was lost; its result is unknown"))];
  const due = startedAtMs + run.deadlineMs;
  if (seen.end !== undefined) {
    const exit = { ...seen.end, atMs: Math.min(seen.end.atMs, nowMs) };
    const late = exit.atMs >= due;
    const outcome =
      successorOf(look, run) !== undefined && seen.state === "failed"
        ? "stopped"
        : late || seen.state === "failed"
          ? "failed"
          : "succeeded";
    return [
      ended(
        look,
        run,
        outcome,
        late ? { ...exit, reason: `did not end within ${timeWords(run.deadlineMs)}` } : exit,
      ),
    ];
  }
  if (nowMs >= due + endingMs)
    return [ended(look, run, "failed", unknownEnd(nowMs, `did not end within ${timeWords(run.deadlineMs)}`))];
  return seen.state === "unstarted" && whyEnd(look, run) === undefined ? [begin(look, run)] : [];
}

/** Never two of one job at once, unless its schedule allows that. One that is recorded as ended may still be running. */
function mayBegin({ open, view }: Look, run: ScheduledRun): boolean {
  if (run.overlap === "allow") return true;
  const isRunning = view.jobs.some(
    (job) => job.run !== undefined && job.run !== run.id && job.name === run.job && job.end === undefined,
  );
  return !isRunning && !open.some((other) => other.job === run.job && other.id < run.id);
}

/** Why the server of a run has to end; undefined while it may continue. */
function whyEnd(look: Look, run: ScheduledRun): string | undefined {
  const due = dueMs(run) ?? Number.POSITIVE_INFINITY;
  if (look.nowMs >= due) return `it did not end within ${timeWords(run.deadlineMs)}`;
  if (run.end !== undefined) return "its run is over";
  return successorOf(look, run) === undefined ? undefined : "its next run takes its place";
}

function successorOf({ open }: Look, run: ScheduledRun): ScheduledRun | undefined {
  return open.find((other) => other.job === run.job && other.id > run.id && other.overlap === "replace");
}

function begin({ desired: { service } }: Look, run: ScheduledRun): Action {
  const reason = run.dueAtMs === undefined ? `${run.askedBy} has asked for it` : "its time has come";
  return { kind: "begin-run", service, run: run.id, reason };
}

function ended(
  { desired: { service }, nowMs }: Look,
  run: ScheduledRun,
  outcome: JobEnd["outcome"],
  exit: JobExit,
): Action {
  const end: JobEnd = { ...exit, outcome };
  const change = { kind: "run-ended", run: run.id, end, atMs: nowMs } as const;
  return { kind: "record", service, change, reason: `job ${run.job} ${exit.reason}` };
}

function unknownEnd(atMs: number, reason: string): JobExit {
  return { atMs, exitCode: undefined, reason, logTail: [] };
}

function dueMs({ startedAtMs, deadlineMs }: ScheduledRun): number | undefined {
  return startedAtMs === undefined ? undefined : startedAtMs + deadlineMs;
}

/** The run as the platform has it. */
function jobOf({ view }: Look, { id }: ScheduledRun): JobObservation | undefined {
  return view.jobs.find(({ run }) => run === id);
}
