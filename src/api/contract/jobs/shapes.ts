import { z } from "zod";
import { jobEnd } from "../../../domain/schema/rollout.ts";
import { amount, atMs, maybe, releaseNumber } from "../../../domain/schema/values.ts";
import { reason, Service } from "../common.ts";

const RunJob = Service.extend({
  job: z.string().min(1).max(32).optional().describe("A scheduled job. Absent: only a command."),
  command: z
    .array(z.string().max(100_000))
    .min(1)
    .max(1_000)
    .optional()
    .describe("Instead of the job's command."),
  deadlineMs: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("How long it may take. Absent: as the job, or an hour."),
  reason,
});

const JobStatus = z.object({
  service: z.string(),
  job: z.string(),
  schedule: maybe(
    z.object({
      times: z.string(),
      timeZone: z.string(),
      overlap: z.enum(["skip", "replace", "allow"]),
      deadlineMs: z.number(),
    }),
  ).describe("Absent: the serving release has no such job."),
  nextAtMs: maybe(atMs),
  failedInARow: amount.describe("How many of its newest runs have failed, one after the other."),
  runs: z
    .array(
      z.object({
        id: z.number().int(),
        job: z.string(),
        release: releaseNumber,
        command: z.array(z.string()),
        deadlineMs: z.number(),
        state: z.enum(["waiting", "running", "succeeded", "failed", "stopped"]),
        dueAtMs: maybe(atMs).describe(
          "The time of the schedule that it is for. Absent: someone has asked for it.",
        ),
        askedBy: maybe(z.string()),
        createdAtMs: atMs,
        startedAtMs: maybe(atMs),
        end: maybe(jobEnd),
        log: maybe(z.string()).describe("Its log is read by this id, like a server's."),
      }),
    )
    .describe("Oldest first."),
});

const JobStatusList = z.array(JobStatus);

const AcceptedRun = z.object({ run: z.number().int() });

/** What the operations are asked with. */
export const jobsAsks = { RunJob };

/** What they answer. */
export const jobsAnswers = { AcceptedRun, JobStatusList };
