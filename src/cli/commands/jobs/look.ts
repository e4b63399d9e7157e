import { KilnError } from "../../../lib/errors.ts";
import type { JobStatus } from "../../api.ts";
import type { Context, Outcome } from "../../context.ts";
import type { Style } from "../../output/style.ts";
import { facts, plainText, table } from "../../output/text.ts";
import { formatAge, formatTime } from "../../output/units.ts";
import { findService, requireService, type ServiceOptions } from "../../project.ts";

type Run = JobStatus["runs"][number];

export async function list(context: Context, options: ServiceOptions, service?: string): Outcome {
  const key = await findService(context.cwd, options, service);
  const jobs = await (await context.connect()).jobs({ service: key });
  context.output.result(jobs, listLines(jobs, context.clock.now(), context.output.style));
  return 0;
}

export async function show(context: Context, options: ServiceOptions, id: number, service?: string): Outcome {
  const key = await requireService(context.cwd, options, service);
  const jobs = await (await context.connect()).jobs({ service: key });
  const run = jobs.flatMap(({ runs }) => runs).find((candidate) => candidate.id === id);
  if (run === undefined) {
    throw new KilnError("job_unknown", `${key} has no kept run ${id}.`, {
      hint: "`kiln job ls` lists the newest runs.",
    });
  }
  context.output.result(run, runLines(run, context.output.style));
  return 0;
}

function listLines(jobs: readonly JobStatus[], nowMs: number, style: Style): readonly string[] {
  if (jobs.length === 0) return ["No scheduled jobs, and no runs. `jobs.cron` in kiln.yaml makes one."];
  const rows = jobs.map((job) => {
    const last = job.runs.at(-1);
    const next = job.nextAtMs === undefined ? "-" : `in ${formatAge(job.nextAtMs - nowMs)}`;
    const schedule = job.schedule === undefined ? "-" : `${job.schedule.times} ${job.schedule.timeZone}`;
    return [
      ...[job.service, style.bold(job.job), schedule, next, last === undefined ? "-" : `${last.id}`],
      last === undefined ? "-" : stateWords(last, job, nowMs, style),
    ];
  });
  return table(["SERVICE", "JOB", "SCHEDULE", "NEXT", "RUN", "LAST"], rows);
}

function stateWords(run: Run, { failedInARow }: JobStatus, nowMs: number, style: Style): string {
  if (run.end === undefined) return run.state;
  const ago = `${formatAge(nowMs - run.end.atMs)} ago`;
  if (run.state === "succeeded") return `${style.good(run.state)} ${ago}`;
  const times = failedInARow > 1 ? `, ${failedInARow} times in a row` : "";
  return `${style.bad(run.state)} ${ago}: ${plainText(run.end.reason)}${times}`;
}

/** One run, with the end of its output. */
function runLines(run: Run, style: Style): readonly string[] {
  const { id, job, release, state, command, dueAtMs, askedBy, startedAtMs, end, log } = run;
  return [
    `${style.bold(`run ${id}`)} of job ${job}: ${state}`,
    ...facts([
      ["release", `${release}`],
      ["command", plainText(command.join(" "))],
      ...(dueAtMs === undefined ? [] : [["due", formatTime(dueAtMs)] as const]),
      ...(askedBy === undefined ? [] : [["asked by", askedBy] as const]),
      ...(startedAtMs === undefined ? [] : [["started", formatTime(startedAtMs)] as const]),
      ...(end === undefined ? [] : [["ended", `${formatTime(end.atMs)}: ${plainText(end.reason)}`] as const]),
      ...(log === undefined ? [] : [["log", `kiln logs ${log}`] as const]),
    ]),
    ...(end?.logTail ?? []).map((line) => `  ${style.dim("|")} ${plainText(line)}`),
  ];
}
