import { z } from "zod";
import * as leaf from "../yaml/leaves.ts";

const analysis = z
  .strictObject(
    {
      requests: leaf
        .whole(1, 1_000_000)
        .prefault(50)
        .describe("Requests to the new release that are enough for a verdict; fewer pause the rollout."),
      errorRate: leaf
        .share("0%")
        .prefault("1%")
        .describe("How much higher the new release's share of failed requests may be."),
      latency: z
        .number({ error: "a number from 1, such as 1.5" })
        .min(1, { error: "a number from 1, such as 1.5" })
        .prefault(1.5)
        .describe(
          "Highest allowed ratio of the new p95 latency to the old one; differences under 5 ms are ignored.",
        ),
      interval: leaf
        .duration("1s")
        .prefault("10s")
        .describe("Time from one comparison to the next while the step holds."),
      query: z
        .strictObject(
          {
            url: leaf.url().describe("A Prometheus-compatible server."),
            query: leaf
              .text({ expected: "a query", pattern: /^[^\0]{1,4000}$/ })
              .describe("An instant query that returns one value."),
            min: z.number({ error: "a number" }).optional().describe("The value must not be lower."),
            max: z.number({ error: "a number" }).optional().describe("The value must not be higher."),
          },
          { error: "a mapping with a URL, a query and its bounds" },
        )
        .optional()
        .describe("A query whose value must be within bounds."),
      http: leaf.url().optional().describe("A URL that must answer with a status of 200 to 299."),
    },
    { error: "a mapping that describes the comparison" },
  )
  .describe(
    "Compares the new release with the old one: a worse result rolls back, too few requests pause the rollout.",
  );

/** The section `rollout` of kiln.yaml. */
export const rollout = z
  .strictObject(
    {
      strategy: leaf
        .oneOf("rolling", "blue-green", "canary", "recreate")
        .prefault("rolling")
        .describe(
          "Replace in steps; start all new servers and switch once; follow the given shares; or stop the old servers first.",
        ),
      steps: leaf
        .list(
          z.strictObject(
            {
              share: leaf.share("1%").describe("Share of servers and traffic that the new release gets."),
              hold: leaf.duration("0s").prefault("0s").describe("How long the step must stay healthy."),
              analysis: analysis.optional(),
            },
            { error: "a mapping with a share" },
          ),
          "steps",
        )
        .optional()
        .describe("`canary`: the steps before the new release gets all traffic, with rising shares."),
      promote: leaf
        .oneOf("auto", "manual")
        .optional()
        .meta({ default: "auto" })
        .describe(
          "`manual`: the complete new group waits for `kiln rollout promote` before it gets all traffic.",
        ),
      surge: leaf
        .whole(0, 1000)
        .optional()
        .meta({ default: 1 })
        .describe("`rolling`: servers above `count` that may run at once."),
      unavailable: leaf
        .whole(0, 1000)
        .optional()
        .meta({ default: 0 })
        .describe("`rolling`: servers below `count` that may be missing at once."),
      bake: leaf
        .duration("0s")
        .prefault("10s")
        .describe("How long the new servers must stay healthy with all traffic."),
      drain: leaf
        .duration("0s")
        .prefault("30s")
        .describe("How long open connections of a leaving server may take to finish."),
      keepWarm: leaf
        .duration("0s")
        .prefault("5m")
        .describe("How long the old servers are kept for an instant rollback."),
      progressDeadline: leaf
        .duration("1s")
        .prefault("10m")
        .describe("How long a rollout may take without another server becoming ready."),
      onFailure: leaf
        .oneOf("rollback", "stop")
        .prefault("rollback")
        .describe("After a failure: return to the last good release, or pause in the present state."),
    },
    { error: "a mapping that describes how servers are replaced" },
  )
  .describe("How a new release replaces the old one.");
