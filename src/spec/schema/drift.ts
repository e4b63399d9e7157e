import { z } from "zod";
import { driftKinds } from "../../domain/drift/drift.ts";
import * as leaf from "../yaml/leaves.ts";
import * as v from "../yaml/values.ts";

/** The section `drift` of kiln.yaml. */
export const drift = z
  .strictObject(
    {
      response: leaf
        .oneOf("replace", "quarantine", "report")
        .prefault("replace")
        .describe(
          "Replace a server that has drifted; replace it and keep the old one, frozen and without traffic; or only report it.",
        ),
      maxConcurrent: z
        .union(
          [
            leaf.whole(1, 1000).transform((servers) => ({ servers })),
            leaf.share("1%").transform((share) => ({ share })),
          ],
          { error: "a number of servers from 1 to 1000, or a share such as 10%" },
        )
        .prefault("10%")
        .describe("How many servers may be missing at once because drift took them out; at least one."),
      ignore: leaf
        .list(
          leaf.text({
            expected: `a kind of drift (${driftKinds.join(", ")}), optionally with a pattern for its subject, such as mount:/var/cache/*`,
            pattern: v.driftPattern,
            examples: ["full", "mount:/var/cache/*"],
          }),
          "kinds of drift",
        )
        .max(64, { error: "at most 64 kinds of drift" })
        .prefault([])
        .describe(
          "Changes that do not count as drift: `kind`, or `kind:pattern` where `*` stands for any characters.",
        ),
    },
    { error: "a mapping that describes the response to drift" },
  )
  .describe("What Kiln does when a running server differs from its release.");
