import type { AskedOf, OperationsOf } from "../types.ts";
import type { jobsTable } from "./operations.ts";

const service = "shop";

/** What they are asked, at least once each. */
export const jobsAsked: AskedOf<typeof jobsTable> = {
  jobs: [{}, { service }],
  runJob: [
    { service, job: "cleanup", reason: "by hand" },
    { service, command: ["/bin/job", "--all"], deadlineMs: 1_000 },
  ],
};

/** Full values. */
export const jobsAnswered: OperationsOf<typeof jobsTable> = {
  jobs: async () => [
    {
      ...{ service: "shop", job: "cleanup", nextAtMs: 2, failedInARow: 0, runs: [] },
      schedule: { times: "@daily", timeZone: "UTC", overlap: "skip", deadlineMs: 1_000 },
    },
  ],
  runJob: async () => ({ run: 1 }),
};
