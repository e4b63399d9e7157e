import { z } from "zod";
import type { JobRun } from "../rollout/job-run.ts";
import type { BroughtCommits, Origin, Rollout, TraceContext, Verdict } from "../rollout/rollout.ts";
import { rolloutPolicy, steps } from "./spec.ts";
import { amount, atMs, durationMs, maybe, printable, releaseNumber } from "./values.ts";

const commitId = z.string().regex(/^[0-9a-f]{40,64}$/, "a git commit id");

export const origin = z.strictObject({
  commit: commitId.optional(),
  dirty: z.boolean().optional(),
  ci: printable(500).optional(),
  committedAtMs: atMs.optional(),
  repository: printable(500).optional(),
  ref: printable(500).optional(),
}) satisfies z.ZodType<Origin>;

export const broughtCommits = z.strictObject({
  newest: z.array(z.strictObject({ id: commitId, atMs })).max(500),
  complete: z.boolean(),
}) satisfies z.ZodType<BroughtCommits>;

const hexId = (digits: number) =>
  z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${digits}}$`), "an id of a trace");

export const traceContext = z.strictObject({
  parent: z.strictObject({ traceId: hexId(32), spanId: hexId(16) }).optional(),
  build: z.strictObject({ ms: durationMs, agoMs: durationMs }).optional(),
}) satisfies z.ZodType<TraceContext>;

export const verdict = z.object({
  outcome: z.enum(["pass", "fail", "inconclusive"]),
  reason: z.string(),
  atMs,
}) satisfies z.ZodType<Verdict>;

export const jobEnd = z.object({
  outcome: z.enum(["succeeded", "failed", "stopped"]),
  atMs,
  exitCode: maybe(z.number().int()),
  reason: z.string(),
  logTail: z.array(z.string()),
});

const jobRun = z.object({
  name: z.string(),
  when: z.enum(["before", "after"]),
  startedAtMs: atMs,
  deadlineMs: durationMs,
  end: maybe(jobEnd).describe("Absent while it runs."),
}) satisfies z.ZodType<JobRun>;

export const jobRuns = z.array(jobRun);

export const changes = z.array(z.string());

export const restore = z.record(z.string(), z.string());

export const rolloutPhase = z.enum([
  ...["forward", "back", "paused", "complete", "rolled-back", "failed", "superseded"],
] as const);

export const rollout = z.object({
  id: z.number().int(),
  service: z.string(),
  kind: z.enum(["deploy", "rollback", "move"]),
  from: maybe(releaseNumber),
  to: releaseNumber,
  policy: rolloutPolicy,
  restore: restore
    .optional()
    .describe("Of a rollback with data: by volume, the snapshot that takes the place of its data."),
  steps,
  phase: rolloutPhase,
  step: amount,
  startedAtMs: atMs,
  startedBy: z.string(),
  origin: maybe(origin),
  changes,
  movedAtMs: maybe(atMs),
  highestReady: amount,
  progressAtMs: atMs,
  judgedFromMs: atMs,
  promoted: z.boolean(),
  jobs: jobRuns.describe("Jobs that have begun."),
  verdict: maybe(verdict),
  endedAtMs: maybe(atMs),
  reason: maybe(z.string()),
}) satisfies z.ZodType<Rollout>;

export const warm = z.object({ release: releaseNumber, untilMs: atMs });
