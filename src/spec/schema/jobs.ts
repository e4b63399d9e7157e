import { z } from "zod";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";

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

const jobList = () => leaf.list(job, "jobs").max(16, { error: "at most 16 jobs" }).prefault([]);

/** The section `jobs` of kiln.yaml. */
export const jobs = z
  .strictObject(
    {
      before: jobList().describe(
        "Run before any server of the new release exists; a failed job stops the rollout.",
      ),
      after: jobList().describe("Run when the new servers have all traffic; a failed job fails the rollout."),
    },
    { error: "a mapping with before or after" },
  )
  .describe("Jobs that each deploy runs once, one after the other; a rollback runs none.");
