import { z } from "zod";
import { admission } from "../../../domain/schema/admission.ts";
import { approval, freeze, override, policyFile } from "../../../domain/schema/policy.ts";
import {
  amount,
  atMs,
  durationMs,
  environmentName,
  maybe,
  newServiceKey,
  printable,
} from "../../../domain/schema/values.ts";
import { givenReason, planDigest, reason, wholeNumber } from "../common.ts";

const policyText = {
  name: printable(200).describe("The name of the file, for the places of refusals."),
  text: z.string().max(262_144).describe("The content of the file, YAML."),
};

const SetPolicy = z.strictObject({ ...policyText, reason });

const scope = {
  environment: environmentName.optional().describe("An environment; `none`: services without one."),
  service: newServiceKey.optional().describe("Only this service."),
};

const Freeze = z.strictObject({
  ...scope,
  forMs: durationMs.optional().describe("Absent: until someone lifts it."),
  reason: givenReason,
});

const Unfreeze = z.strictObject({
  ...scope,
  id: amount.optional().describe("One freeze. Absent: all of exactly this scope."),
  reason,
});

const Approve = z.strictObject({
  plan: planDigest.describe("The digest of a plan."),
  service: newServiceKey
    .optional()
    .describe(
      "Counts only for a plan of this service. Absent: of any, which needs the right for every service.",
    ),
  reason,
});

const TestPolicy = z.strictObject(policyText);

const Review = z.strictObject({ rollout: wholeNumber, reason: givenReason });

const Policies = z.object({
  file: maybe(policyFile).describe("Absent: none was set."),
  freezes: z.array(freeze).describe("Those that hold now."),
  overrides: z.array(override).describe("Rollouts that began against policies, the newest first."),
});

const shutting = z.object({
  kind: z.enum(["freeze", "window"]),
  place: z.string().describe("Where it is written, or the freeze."),
  because: z.string(),
});

const Calendar = z.array(
  z.object({
    ...{ service: z.string(), environment: z.string().describe("`none`: it has none.") },
    stretches: z
      .array(
        z.object({
          ...{ fromMs: atMs, untilMs: atMs },
          shut: z.array(shutting).describe("What lets no rollout begin. Empty: one may."),
        }),
      )
      .describe("One after the other, without gaps."),
  }),
);

const PolicyTest = z.array(
  z.object({
    rollout: z.number().int(),
    service: z.string(),
    atMs,
    by: z.string(),
    refused: admission.shape.rules.describe(
      "The rules that would have refused it. Empty: it would have begun.",
    ),
  }),
);

const Frozen = freeze.extend({
  services: z.array(z.string()).describe("The services that there are now and that it concerns."),
});

/** What the operations are asked with. */
export const policyAsks = { Approve, Freeze, Review, SetPolicy, TestPolicy, Unfreeze };

/** What they answer. */
export const policyAnswers = {
  Approval: approval,
  Calendar,
  FreezeList: z.array(freeze),
  Frozen,
  Override: override,
  Policies,
  PolicyFile: policyFile,
  PolicyTest,
};
