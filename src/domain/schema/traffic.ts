import { z } from "zod";
import { hourMs, minuteMs, type TrafficCounter, type TrafficSpan } from "../traffic/traffic.ts";
import { amount, atMs, releaseNumber } from "./values.ts";

export const latency = z
  .array(amount)
  .describe(
    "Answers by response time, one count for each class; classes at the end without any are left out.",
  );

const counts = { requests: amount, errors: amount.describe("Answers of 500 and above."), latency };

export const trafficCounter = z.object({
  ...{ id: z.string(), service: z.string(), release: releaseNumber },
  ...counts,
}) satisfies z.ZodType<TrafficCounter>;

export const trafficSpan = z.object({
  ...{ service: z.string(), release: releaseNumber },
  ...counts,
  atMs: atMs.describe("Unix time in ms of its beginning: a whole minute or hour."),
  spanMs: z.union([z.literal(minuteMs), z.literal(hourMs)]),
  leastReady: amount.describe("The fewest ready servers that a look found."),
  minutes: amount.describe("In how many minutes the release was looked at."),
  readyMinutes: amount.describe("In how many of those each look found a ready server."),
}) satisfies z.ZodType<TrafficSpan>;
