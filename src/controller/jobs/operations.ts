import type { JobObservation } from "../../domain/observation.ts";
import type { ScheduledRun } from "../../domain/rollout/job-run.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";
import type { ScheduleSpec } from "../../domain/spec/job-spec.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { JobStatus, Operations } from "../operations.ts";
import { required } from "../services/queries.ts";
import type { Targets } from "../targets/targets.ts";
import { schedulesOf } from "./scheduler.ts";
import { failedInARow } from "./warnings.ts";

export interface JobParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly targets: Targets;
}

const nameless = { deadlineMs: 3_600_000, keep: 10 } as const;

/** The operations on jobs of no rollout. */
export function createJobOperations({
  store,
  clock,
  targets,
}: JobParts): Pick<Operations, "jobs" | "runJob"> {
  return {
    jobs: async ({ service }) => {
      const all = service === undefined ? store.desiredAll() : [required(store, service)];
      const statuses = await Promise.all(
        all.map(async (desired) => {
          // A job that runs when its service is handed over ends where it began.
          const sites = [targets.named(desired.target), targets.other(desired.service)];
          const glances = sites.flatMap((site) => site?.loop.observer.glance() ?? []);
          const seen = (await Promise.all(glances)).flatMap(({ observation }) => observation?.jobs ?? []);
          return jobsOf(desired, seen, clock.now());
        }),
      );
      return statuses.flat();
    },
    runJob: async (asked, who) => {
      const { service, job, command, deadlineMs } = asked;
      const desired = required(store, service);
      const { serving } = desired;
      if (serving === undefined || desired.removed) throw nothingServes(service);
      if (targets.of(service).platform.jobs === undefined) throw noJobs(targets.of(service).platform.name);
      const spec = job === undefined ? undefined : scheduleOf(desired, job);
      const run = command ?? spec?.command;
      if (run === undefined) throw new KilnError("usage", "A run needs the name of a job, or a command.");
      const how = { ...nameless, ...(spec && { deadlineMs: spec.deadlineMs, keep: spec.keep }) };
      const id = store.askRun(
        { ...how, ...(deadlineMs && { deadlineMs }), service, release: serving, job, command: run },
        askerOf(asked, who),
      );
      targets.poke(service);
      return { run: id };
    },
  };
}

async function jobsOf(
  desired: DesiredService,
  seen: readonly JobObservation[],
  nowMs: number,
): Promise<readonly JobStatus[]> {
  const schedules = schedulesOf(desired);
  const runs = desired.runs ?? [];
  const others = new Set(
    runs.map(({ job }) => job).filter((job) => !schedules.some(({ name }) => name === job)),
  );
  const scheduled = await Promise.all(
    schedules.map(async (spec) => ({
      ...base(desired, spec.name, runs, seen),
      ...(await timesOf(spec, nowMs)),
    })),
  );
  return [...scheduled, ...[...others].map((job) => base(desired, job, runs, seen))];
}

async function timesOf(spec: ScheduleSpec, nowMs: number): Promise<Pick<JobStatus, "schedule" | "nextAtMs">> {
  const { parseSchedule } = await import("../../lib/time/schedule.ts");
  const { schedule, timeZone, overlap, deadlineMs } = spec;
  const nextAtMs = parseSchedule(schedule, timeZone).next(nowMs);
  return { schedule: { times: schedule, timeZone, overlap, deadlineMs }, nextAtMs };
}

function base(
  { service }: DesiredService,
  job: string,
  runs: readonly ScheduledRun[],
  seen: readonly JobObservation[],
): JobStatus {
  const own = runs.filter((run) => run.job === job);
  return {
    ...{ service, job, schedule: undefined, nextAtMs: undefined, failedInARow: failedInARow(own) },
    runs: own.map((run) => {
      const { end, startedAtMs, ...rest } = run;
      const { overlap: _, ...told } = rest;
      const state = end?.outcome ?? (startedAtMs === undefined ? "waiting" : "running");
      return {
        ...told,
        command: [...run.command],
        startedAtMs,
        state,
        end: end && { ...end, logTail: [...end.logTail] },
        log: seen.find((other) => other.run === run.id && hasBegun(other))?.id,
      };
    }),
  };
}

function scheduleOf(desired: DesiredService, job: string): ScheduleSpec {
  const schedules = schedulesOf(desired);
  const found = schedules.find(({ name }) => name === job);
  if (found !== undefined) return found;
  const names = schedules.map(({ name }) => name).join(", ");
  throw new KilnError("job_unknown", `${desired.service} has no scheduled job ${job}.`, {
    hint: names === "" ? "`jobs.cron` in kiln.yaml makes one." : `There are: ${names}.`,
  });
}

function nothingServes(service: string): KilnError {
  return new KilnError(
    "release_unknown",
    `No release of ${service} serves, so there is none to run a job of.`,
    {
      hint: "`kiln deploy` makes one.",
    },
  );
}

function noJobs(platform: string): KilnError {
  return new KilnError("jobs_unsupported", `The platform ${platform} runs no jobs.`);
}

/** Before that it has no log. */
function hasBegun({ state }: JobObservation): boolean {
  return state !== "creating" && state !== "unstarted";
}
