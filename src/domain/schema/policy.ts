import { z } from "zod";
import type { Person } from "../access/actor.ts";
import type { Approval, Freeze, Override, PolicyFile, PolicyRule } from "../policy/policy.ts";
import { atMs, durationMs, maybe } from "./values.ts";

const window = z.union([
  z.object({
    days: z.array(z.number().int().min(0).max(6)),
    from: z.string(),
    to: z.string(),
    zone: z.string(),
  }),
  z.object({ from: z.string(), to: z.string(), zone: z.string() }),
]);

const place = { environment: z.string(), line: z.number().int().min(1) };

const names = z.array(z.string());

export const policyRules = z.array(
  z.discriminatedUnion("kind", [
    z.object({ kind: z.enum(["allow", "deny"]), window, ...place }),
    z.object({ kind: z.enum(["reason", "pipeline"]), ...place }),
    z.object({
      ...{ kind: z.literal("approvals"), count: z.number().int().min(1), withinMs: durationMs, ...place },
    }),
    z.object({ kind: z.literal("from"), people: names, pipelines: names, repositories: names, ...place }),
    z.object({ kind: z.literal("metadata"), services: names, ...place }),
    z.object({ kind: z.literal("soak"), in: z.string(), forMs: durationMs, ...place }),
  ]),
) satisfies z.ZodType<readonly PolicyRule[]>;

export const policyFile = z.object({
  name: z.string(),
  text: z.string(),
  rules: policyRules,
  setAtMs: atMs,
  setBy: z.string(),
}) satisfies z.ZodType<PolicyFile>;

export const person = z.object({ id: z.string(), name: z.string() }) satisfies z.ZodType<Person>;

export const approval = z.object({
  service: z.string().optional().describe("The only service whose plan it counts for; absent: any."),
  by: z.string(),
  person,
  atMs,
}) satisfies z.ZodType<Approval>;

export const freeze = z.object({
  id: z.number().int(),
  environment: maybe(z.string()).describe("An environment; `none`: services without one."),
  service: maybe(z.string()).describe(
    "Only this service. Absent, and no environment: the whole installation.",
  ),
  reason: z.string(),
  by: z.string(),
  fromMs: atMs,
  untilMs: maybe(atMs).describe("Absent: until someone lifts it."),
}) satisfies z.ZodType<Freeze>;

export const override = z.object({
  rollout: z.number().int(),
  service: z.string(),
  by: z.string(),
  person,
  reason: z.string(),
  atMs,
  against: z.array(z.string()).describe("What the policies had said."),
  review: maybe(z.object({ by: z.string(), reason: z.string(), atMs })).describe(
    "Absent: another person still has to look at it.",
  ),
}) satisfies z.ZodType<Override>;

export const againstPolicies = override.shape.against;
