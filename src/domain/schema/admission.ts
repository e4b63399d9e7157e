import { z } from "zod";
import type { Admission, ImagePolicy, TrustedKey } from "../policy/admission.ts";
import { targetName } from "./target.ts";
import { atMs, maybe } from "./values.ts";

export const keyName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    "a name of lower-case letters, digits and hyphens, a letter first, at most 32 characters",
  );

export const signedBy = z
  .array(keyName)
  .min(1)
  .max(32)
  .describe("Names of trusted keys; a signature by one of them is enough.");

export const admissionMode = z
  .enum(["enforce", "warn"])
  .describe("Whether another image is refused, or deployed with a warning.");

const policyFields = {
  target: maybe(targetName).describe("Absent: on every target."),
  mode: admissionMode,
  signedBy,
};

export const imagePolicy = z.object(policyFields) satisfies z.ZodType<ImagePolicy>;

const rule = z.object({
  kind: z
    .enum(["signature", "freeze", "window", "reason", "soak", "approvals", "pipeline", "from", "metadata"])
    .default("signature")
    .describe("`signature` is about the image, the others are about the beginning of a rollout."),
  mode: admissionMode,
  passed: z.boolean(),
  because: z.string(),
  place: z.string().optional().describe("Where the rule stands: `policy.yaml:12`, `freeze 3`."),
  remedy: z.string().optional().describe("What would satisfy it."),
  target: targetName.optional().describe("Of an image policy. Absent: it holds on every target."),
  signedBy: signedBy.optional(),
});

export const admission = z.object({
  atMs,
  rules: z.array(rule),
  breakGlass: z
    .boolean()
    .optional()
    .describe("Someone let it through against the rules that have not passed."),
  plan: z
    .string()
    .optional()
    .describe("The digest of the plan that approvals were asked for. Absent: none were."),
}) satisfies z.ZodType<Admission>;

export const trustedKey = z.object({
  name: keyName,
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  publicKey: z.string().describe("PEM."),
  addedAtMs: atMs,
  addedBy: z.string(),
  revoked: maybe(z.object({ atMs, by: z.string(), reason: z.string() })).describe(
    "Its signatures no longer count, whenever they were made.",
  ),
}) satisfies z.ZodType<TrustedKey>;
