import { z } from "zod";
import type { Action } from "../rollout/actions.ts";
import { jobEnd, verdict, warm } from "./rollout.ts";
import { job } from "./spec.ts";
import { amount, atMs, count, maybe, releaseNumber } from "./values.ts";

const reason = z.string();

const change = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("progress"), rollout: z.number(), highestReady: amount, atMs }),
  z.object({ kind: z.literal("moved"), rollout: z.number(), atMs }),
  z.object({ kind: z.literal("step"), rollout: z.number(), step: amount, atMs }),
  z.object({ kind: z.literal("turn-back"), rollout: z.number(), atMs }),
  z.object({ kind: z.literal("pause"), rollout: z.number() }),
  z.object({ kind: z.literal("judged"), rollout: z.number(), verdict }),
  z.object({ kind: z.literal("job-started"), rollout: z.number(), job, atMs }),
  z.object({ kind: z.literal("job-ended"), rollout: z.number(), job: z.string(), end: jobEnd, atMs }),
  z.object({
    kind: z.literal("end"),
    rollout: z.number(),
    phase: z.enum(["complete", "rolled-back", "failed"]),
    serving: maybe(releaseNumber),
    warm: z.array(warm),
    atMs,
  }),
  z.object({ kind: z.literal("warm-over"), release: releaseNumber }),
  z.object({ kind: z.literal("run-begun"), run: z.number(), atMs }),
  z.object({ kind: z.literal("run-ended"), run: z.number(), end: jobEnd, atMs }),
  z.object({ kind: z.literal("taint-over"), server: z.string() }),
  z.object({ kind: z.literal("gone") }),
]);

export const action = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("resize"),
    service: z.string(),
    release: releaseNumber,
    size: count,
    replacing: z
      .array(z.string())
      .optional()
      .describe("Servers that run in addition to the others until they are taken out."),
    reason,
  }),
  z.object({ kind: z.literal("quarantine"), service: z.string(), server: z.string(), reason }),
  z.object({ kind: z.literal("retire"), service: z.string(), server: z.string(), reason }),
  z.object({
    kind: z.literal("route"),
    service: z.string(),
    shares: z.array(z.object({ release: releaseNumber, share: z.number() })),
    reason,
  }),
  z.object({
    kind: z.literal("preview"),
    service: z.string(),
    release: maybe(releaseNumber.describe("Absent: none.")),
    reason,
  }),
  z.object({ kind: z.literal("analyse"), service: z.string(), rollout: z.number(), reason }),
  z.object({
    kind: z.literal("run-job"),
    service: z.string(),
    rollout: z.number(),
    job: z.string(),
    reason,
  }),
  z.object({ kind: z.literal("begin-run"), service: z.string(), run: z.number(), reason }),
  z.object({ kind: z.literal("end-job"), service: z.string(), job: z.string(), reason }),
  z.object({ kind: z.literal("forget-job"), service: z.string(), job: z.string(), reason }),
  z.object({ kind: z.literal("destroy"), service: z.string(), server: z.string(), reason }),
  z.object({ kind: z.literal("record"), service: z.string(), change, reason }),
]) satisfies z.ZodType<Action>;
