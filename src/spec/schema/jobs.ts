import { z } from "zod";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";
import { timeZone } from "./time-zone.ts";

const job = z
  .strictObject(
    {
      name: leaf
        .text({
          expected:
            "a name of lower-case letters, digits and hyphens, a letter first, at most 32 characters, such as migrate",
          pattern: v.namePattern,
          examples: ["migrate"],
          hint: (found) => {
            const tidy = v.tidyName(String(found));
            return tidy && `Write ${tidy}.`;
          },
        })
        .describe("Name of the job; unique in a service."),
      command: leaf
        .list(z.string({ error: "a text" }), "texts, the program first")
        .min(1, { error: "at least the program" })
        .describe("Program and arguments, instead of the image's own."),
      deadline: leaf
        .duration("1s")
        .prefault("5m")
        .describe("How long the job may take; after that Kiln ends it, and it has failed."),
    },
    { error: "a mapping with name and command" },
  )
  .describe("A one-off server of the new release.");

const cron = z
  .strictObject(
    {
      name: job.shape.name,
      schedule: leaf
        .text({
          expected: "five fields as in crontab, such as 30 2 * * *, or @daily and the like",
          pattern: /^(@[a-z]{2,20}|\S{1,60}( +\S{1,60}){4})$/,
          examples: ["30 2 * * *", "@hourly"],
        })
        .describe("When it runs: minute, hour, day of month, month, day of week."),
      timeZone: timeZone().prefault("UTC").describe("Time zone of the schedule."),
      command: job.shape.command,
      overlap: leaf
        .oneOf("skip", "replace", "allow")
        .prefault("skip")
        .describe("When the run before has not ended: skip this time, end that run first, or run both."),
      deadline: leaf
        .duration("1s")
        .prefault("1h")
        .describe("How long one run may take; after that Kiln ends it, and it has failed."),
      keep: leaf.whole(1, 100).prefault(10).describe("How many ended runs are kept, with their logs."),
    },
    { error: "a mapping with name, schedule and command" },
  )
  .describe("One scheduled job, run by a server of the release that serves.");

const jobList = () => leaf.list(job, "jobs").max(16, { error: "at most 16 jobs" }).prefault([]);

/** The section `jobs` of kiln.yaml. */
export const jobs = z
  .strictObject(
    {
      before: jobList().describe(
        "Run before any server of the new release exists; a failed job stops the rollout.",
      ),
      after: jobList().describe("Run when the new servers have all traffic; a failed job fails the rollout."),
      cron: leaf
        .list(cron, "scheduled jobs")
        .max(16, { error: "at most 16 jobs" })
        .prefault([])
        .describe("Run at set times, by the release that serves; `kiln job ls` lists them."),
    },
    { error: "a mapping with before, after or cron" },
  )
  .describe(
    "Jobs of each deploy, which run once and one after the other (none in a rollback), and scheduled jobs.",
  );
