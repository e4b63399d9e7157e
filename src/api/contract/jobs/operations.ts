import type { ContractEntry } from "../entry.ts";

/** The part of the table about scheduled jobs and runs of commands. */
export const jobsTable = {
  /** Throws `service_unknown`. */
  jobs: {
    method: "GET",
    path: "/v1/jobs",
    needs: "view services",
    summary: "Scheduled jobs, and runs of jobs and commands outside of rollouts.",
    asks: "OfService",
    answers: "JobStatusList",
  },
  /** Resolves when it is recorded. Throws `service_unknown`, `job_unknown`, `jobs_unsupported`, `release_unknown`. */
  runJob: {
    method: "POST",
    path: "/v1/services/:service/run",
    needs: "operate service",
    summary: "Runs a scheduled job now, or a command, in a server of the release that serves.",
    asks: "RunJob",
    answers: "AcceptedRun",
  },
} as const satisfies Record<string, ContractEntry>;
