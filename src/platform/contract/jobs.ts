import type { JobId } from "../../domain/ids.ts";
import type { Release } from "../../domain/rollout/release.ts";
import type { JobSpec } from "../../domain/spec/job-spec.ts";
import type { Call } from "./call.ts";

/** One job of a release, as one rollout runs it, or as one run of no rollout. */
export interface JobOrder {
  readonly release: Release;
  /** 0 for a run of no rollout. */
  readonly rollout: number;
  /** The number of such a run. */
  readonly run?: number | undefined;
  readonly job: Pick<JobSpec, "name" | "command" | "deadlineMs">;
}

/**
 * Runs jobs: one-off servers of a release with a command of their own, without traffic and in no group. `observe` tells
 * how they do. When the main process of one ends, everything of it ends; what is left is its logs.
 */
export interface JobRunner {
  /**
   * Resolves when that is accepted. The command of one job of one rollout is never started twice: not when `run` is repeated, nor after a crash, nor when the machine has restarted.
   */
  run(order: JobOrder, call: Call): Promise<void>;
  /** Stop signal, some seconds, SIGKILL. Resolves when that is accepted; an unknown id is not an error. */
  end(job: JobId, call: Call): Promise<void>;
  /** Ends it without grace if it still runs, and removes its logs. An unknown id is not an error. */
  forget(job: JobId, call: Call): Promise<void>;
}
