import { z } from "zod";
import type { Rung } from "../policy/candidate.ts";
import { unbuiltRelease } from "./release.ts";
import { rolloutPolicy, upkeepPolicy } from "./spec.ts";
import { targetName } from "./target.ts";
import { count, environmentName, maybe } from "./values.ts";

const rung = z.object({
  target: maybe(targetName),
  count,
  draft: unbuiltRelease,
  policy: rolloutPolicy,
  upkeep: maybe(upkeepPolicy),
}) satisfies z.ZodType<Rung>;

const ladder = z
  .array(environmentName)
  .min(2)
  .max(16)
  .describe("The environments that an image climbs, from the foot.");

const rungs = z
  .record(environmentName, rung)
  .describe("By environment: what it would be deployed with in those above.");

/** With a deploy: what becomes a candidate. */
export const climbing = z.strictObject({ ladder, rungs });

export const candidateParts = { ladder, rungs };
