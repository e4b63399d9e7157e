import { z } from "zod";
import { trafficSpan } from "../../../domain/schema/traffic.ts";
import { amount, atMs, maybe, releaseNumber } from "../../../domain/schema/values.ts";
import { Service, wholeNumber } from "../common.ts";

const FiguresSince = z.strictObject({
  service: z.string().min(1).max(128).optional().describe("Only of this service."),
  sinceMs: wholeNumber.optional().describe("From this Unix time in ms on; 90 days before now when absent."),
});

const TrafficBetween = Service.extend({
  sinceMs: wholeNumber.optional().describe("From this Unix time in ms on; an hour before now when absent."),
  untilMs: wholeNumber.optional().describe("Only what began before this Unix time in ms."),
});

const Traffic = z
  .array(trafficSpan)
  .describe("One row for each minute, or each hour for times more than two days ago; oldest first.");

const figure = z.object({
  name: z.string(),
  title: z.string(),
  unit: z.enum(["ms", "share", "per week", "count"]),
  value: maybe(z.number()).describe("Absent: it would come from fewer than five, or nothing is known."),
  n: amount.describe("Of how many it is made."),
  of: z.string().describe("What `n` counts."),
  more: z.record(z.string(), z.number()).describe("Other values in the same unit, by name."),
  notes: z.array(z.string()).describe("What has to be known about it, such as what could not be counted."),
  guessed: z.boolean(),
  definition: z.string(),
  events: z.array(amount).describe("Sequence numbers of the newest 1,000 events it comes from."),
});

const Figures = z.array(
  z.object({ service: z.string(), sinceMs: atMs, untilMs: atMs, figures: z.array(figure) }),
);

const Usage = z.array(
  z.object({
    service: z.string(),
    target: z.string(),
    serving: maybe(releaseNumber),
    atMs,
    servers: z.array(
      z.object({
        id: z.string(),
        release: releaseNumber,
        state: z.enum(["creating", "starting", "ready", "draining", "quarantined"]),
        inTraffic: z.boolean(),
        cpuMs: maybe(z.number().min(0)).describe(
          "Processor time in ms since it began: 1,000 in a second are all of one. Absent: not known.",
        ),
        memoryBytes: maybe(z.number().min(0)).describe(
          "Now, without file cache that the kernel gives back without harm. Absent: not known.",
        ),
      }),
    ),
    traffic: maybe(
      z.array(
        z.object({
          id: z.string().describe("Opaque: names the counter while it continues to count."),
          release: releaseNumber,
          requests: amount,
          errors: amount.describe("Answers of 500 and above, and requests that got none."),
          latency: z.array(amount).describe("Answers by response time, as in `Traffic`."),
        }),
      ),
    ).describe("What the router has counted since each counter began. Absent: not known."),
    unknown: z.array(z.string()).describe("What cannot be told, and why: one sentence each."),
  }),
);

/** What the operations are asked with. */
export const figuresAsks = { FiguresSince, TrafficBetween };

/** What they answer. */
export const figuresAnswers = { Figures, Traffic, Usage };
