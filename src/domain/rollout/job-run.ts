import type { JobExit } from "../observation.ts";
import type { ScheduleSpec } from "../spec/job-spec.ts";
import type { TargetName } from "../target.ts";

/** One job of a rollout that has begun. */
export interface JobRun {
  readonly name: string;
  readonly when: "before" | "after";
  readonly startedAtMs: number;
  readonly deadlineMs: number;
  /** Undefined while it runs. */
  readonly end: JobEnd | undefined;
}

/** How a job of a rollout has ended. `stopped`: its rollout was given up meanwhile. */
export interface JobEnd extends JobExit {
  readonly outcome: "succeeded" | "failed" | "stopped";
}

/** One run of a scheduled job, or of a command that a person has asked for. It never begins twice. */
export interface ScheduledRun {
  /** Unique in the installation, rising. */
  readonly id: number;
  /** The job's name; `run` for a command without one. */
  readonly job: string;
  /** The release that its server is made of. */
  readonly release: number;
  readonly command: readonly string[];
  readonly overlap: ScheduleSpec["overlap"];
  readonly deadlineMs: number;
  /** The time of the schedule that it is for; undefined: a person has asked for it. */
  readonly dueAtMs: number | undefined;
  readonly askedBy: string | undefined;
  readonly createdAtMs: number;
  /** Undefined while it waits. */
  readonly startedAtMs: number | undefined;
  /** Where it has begun. Absent: where its service is. */
  readonly target?: TargetName | undefined;
  readonly end: JobEnd | undefined;
}

/** What runs of a command without a job have as the name of their job; no scheduled job is called that. */
export const namelessJob = "run";
