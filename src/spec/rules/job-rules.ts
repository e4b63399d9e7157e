import { namelessJob } from "../../domain/rollout/job-run.ts";
import type { Breach, RuleInput, SpecRule } from "./rule.ts";

/** Rules of `jobs`. */
export const jobRules: readonly SpecRule[] = [jobsOnce, runIsTaken];

function* jobsOnce({ document: { jobs } }: RuleInput): Generator<Breach> {
  const seen = new Map<string, string>();
  for (const when of ["before", "after", "cron"] as const) {
    for (const [index, { name }] of (jobs?.[when] ?? []).entries()) {
      const before = seen.get(name);
      seen.set(name, before ?? `jobs.${when}[${index}]`);
      if (before === undefined) continue;
      yield {
        path: ["jobs", when, index, "name"],
        message: `The name ${name} is already used by \`${before}\`; expected a different name for each job.`,
        hint: "Logs and history identify jobs by their names.",
      };
    }
  }
}

function* runIsTaken({ document: { jobs } }: RuleInput): Generator<Breach> {
  for (const [index, { name }] of (jobs?.cron ?? []).entries()) {
    if (name !== namelessJob) continue;
    yield {
      path: ["jobs", "cron", index, "name"],
      message: `The name ${name} stands for commands without a job; expected another name.`,
    };
  }
}
