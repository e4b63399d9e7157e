import type { ServiceWarning } from "../../domain/observation.ts";
import { namelessJob, type ScheduledRun } from "../../domain/rollout/job-run.ts";
import type { DesiredService } from "../../domain/rollout/rollout.ts";

/** For `kiln status`: jobs whose newest runs have failed. */
export function jobWarnings({ service, runs = [] }: DesiredService): readonly ServiceWarning[] {
  const jobs = [...new Set(runs.map(({ job }) => job))].filter((job) => job !== namelessJob);
  return jobs.flatMap((job) => {
    const own = runs.filter((run) => run.job === job);
    const failed = failedInARow(own);
    const last = own.findLast(({ end }) => end?.outcome === "failed");
    if (failed === 0 || last?.end === undefined) return [];
    const times = failed === 1 ? "" : ` ${failed} times in a row`;
    return [
      {
        service,
        message: `Job ${job} has failed${times}: it ${last.end.reason}.`,
        hint: `\`kiln job show ${last.id} ${service}\` shows its last output.`,
      },
    ];
  });
}

/** How many runs in a row, up to the newest that has ended, have failed. */
export function failedInARow(runs: readonly ScheduledRun[]): number {
  const ended = runs.filter(({ end }) => end !== undefined && end.outcome !== "stopped");
  const lastGood = ended.findLastIndex(({ end }) => end?.outcome === "succeeded");
  return ended.length - 1 - lastGood;
}
