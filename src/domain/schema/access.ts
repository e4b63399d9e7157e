import { z } from "zod";
import { type Grant, noEnvironment, roles } from "../access/access.ts";
import type { PipelineRun } from "../access/actor.ts";
import type { AccessToken, Invite } from "../access/identity.ts";
import type { TokenIssuer } from "../access/trust-rule.ts";
import { atMs, maybe } from "./values.ts";

const pattern = z
  .string()
  .regex(/^[a-z*][a-z0-9*-]{0,31}$/, "a name, in which * stands for any characters, such as shop or shop-*");

const role = z.enum(roles);

const environment = z.union([pattern, z.literal(noEnvironment)]);

const grant = z.strictObject({
  role,
  services: z.array(pattern).min(1).max(50).describe("Names of services; `*` stands for any characters."),
  environments: z
    .array(environment)
    .min(1)
    .max(50)
    .describe("Names of environments in the same way; `-` is a service without an environment."),
  breakGlass: z
    .literal(true)
    .optional()
    .describe("A deployer may also begin rollouts against policies; an admin may anyway."),
}) satisfies z.ZodType<Grant>;

/** What is asked for at once. */
export const grants = z.array(grant).min(1).max(20);
/** What a token has: a pipeline's has the grants of all rules that fit. */
export const heldGrants = z.array(grant).min(1);

export const identityName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, "a name of letters, digits, dots, hyphens, underscores and @");

export const pipelineRun = z.object({
  issuer: z.string(),
  repository: z.string().optional(),
  ref: z.string().optional(),
  commit: z.string().optional(),
  person: z.string().optional(),
  personName: z.string().optional(),
  url: z.string().optional(),
}) satisfies z.ZodType<PipelineRun>;

export const accessToken = z.object({
  id: z.string(),
  kind: z.enum(["user", "ci"]),
  name: z.string(),
  grants: heldGrants,
  run: maybe(pipelineRun),
  createdAtMs: atMs,
  createdBy: z.string(),
  expiresAtMs: atMs,
  lastUse: maybe(z.object({ atMs, address: z.string() })),
  revoked: maybe(z.object({ atMs, by: z.string(), reason: z.string() })),
}) satisfies z.ZodType<AccessToken>;

export const invite = z.object({
  id: z.string(),
  name: z.string(),
  grants,
  tokenMs: z.number().int(),
  createdAtMs: atMs,
  createdBy: z.string(),
  expiresAtMs: atMs,
}) satisfies z.ZodType<Invite>;

export const issuer = z.strictObject({
  kind: z.enum(["github", "gitlab", "other"]),
  url: z
    .string()
    .max(300)
    .regex(/^https?:\/\/[!-~]+$/, "the URL of an issuer")
    .describe("What its tokens have as `iss`."),
  isPrivate: z.boolean().describe("It may be at a private address, or on the controller's machine."),
}) satisfies z.ZodType<TokenIssuer>;

export const claims = z
  .record(z.string().min(1).max(64), z.array(z.string().min(1).max(300)).min(1).max(50))
  .describe(
    "For each claim the values that it may have; `*` stands for any characters. All claims must fit.",
  );
