import { z } from "zod";
import { targetName, targetOptions } from "../../../domain/schema/target.ts";
import { amount, atMs, maybe } from "../../../domain/schema/values.ts";
import { reason, target, trouble, warnings } from "../common.ts";
import { errorCode } from "../error.ts";

const Target = z.strictObject({ target });

const AddTarget = z.strictObject({
  target: targetName,
  platform: z.string().min(1).max(64),
  options: targetOptions.default({}).describe("What the platform needs to know."),
  reason,
});

const RemoveTarget = Target.extend({ reason });

const gap = z.object({
  what: z.string(),
  remedy: z.string(),
  severity: z.enum(["fatal", "degraded"]),
  code: errorCode
    .optional()
    .describe("Of the error with which a deploy fails because of it. Absent: `platform_unusable`."),
});

const integrityTier = z.object({
  name: z.string().describe("The platform's word for it: `kernel`, `scan` or `none` on this machine."),
  facts: z.array(
    z.object({
      what: z.string(),
      speed: z.enum(["prevented", "milliseconds", "seconds", "minutes", "unseen"]),
      how: z.string(),
    }),
  ),
});

const readiness = z.object({
  usable: z.boolean(),
  gaps: z.array(gap),
  facts: z.array(z.string()),
  integrity: integrityTier.optional().describe("Absent where servers are not inspected."),
});

const TargetStatus = z.object({
  name: z.string(),
  platform: z.string(),
  options: targetOptions,
  added: maybe(z.object({ atMs, by: z.string() })).describe("Absent for `local`, which is always there."),
  services: z.array(z.string()).describe("The services on it."),
  servers: maybe(amount).describe("As they were last seen; absent when that has never been possible."),
  trouble: maybe(trouble).describe("Why it cannot be seen now. The controller tries again by itself."),
  warnings: warnings.describe(
    "What is wrong with it beyond single services, such as what it could not remove.",
  ),
});

const ProbedTarget = TargetStatus.extend({ readiness });

/** What the operations are asked with. */
export const targetsAsks = { AddTarget, RemoveTarget, Target };

/** What they answer. */
export const targetsAnswers = { TargetStatus: ProbedTarget, TargetStatusList: z.array(TargetStatus) };
