import { z } from "zod";
import { longestTokenMs } from "../../../domain/access/identity.ts";
import { accessToken, claims, grants, identityName, invite, issuer } from "../../../domain/schema/access.ts";
import { atMs, maybe } from "../../../domain/schema/values.ts";
import { givenReason, hostPort, reason } from "../common.ts";

const Can = z.strictObject({
  operation: z.string().min(1).max(64).describe("A name of an operation, such as `deploy`."),
  service: z.string().min(1).max(128).optional().describe("A service, with `.ENVIRONMENT` where it has one."),
});

const MakeInvite = z.strictObject({
  name: identityName.describe("Whose tokens they will be, for the event log."),
  grants,
  tokenMs: z
    .number()
    .int()
    .min(60_000)
    .max(longestTokenMs)
    .optional()
    .describe("How long the token lasts. Absent: 90 days."),
  address: hostPort
    .optional()
    .describe("How the guest reaches the controller. Absent: its first name or address."),
  reason,
});

const Login = z.strictObject({ invite: z.string().max(200) });

const RevokeAccess = z.strictObject({
  who: z.string().min(1).max(64).describe("The id of a token or an invite, or a name."),
  reason: givenReason,
});

const Place = z.strictObject({
  place: z
    .string()
    .min(1)
    .max(1_000)
    .describe("An absolute path, in which `*` stands for any characters, or the beginning of a URL."),
  reason,
});

const Listen = z.strictObject({
  address: z
    .string()
    .regex(/^(|\[[0-9a-f:.]+\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/i, "[HOST]:PORT")
    .describe("Where to listen, such as `:7443`: at all addresses."),
  names: z
    .array(z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$/, "a host name or an address"))
    .max(50)
    .default([])
    .describe("Names and addresses by which clients reach it, besides its own addresses."),
  reason,
});

const ExchangeIdentity = z.strictObject({
  idToken: z.string().max(15_000).describe("Of the pipeline's issuer (OpenID Connect), for this controller."),
  renews: z
    .string()
    .max(200)
    .optional()
    .describe(
      "The token that it was exchanged for before, to get another one while the issuer's token is valid.",
    ),
});

const TrustPipelines = z.strictObject({
  name: identityName.describe("Whose tokens they will be, for the event log."),
  ...{ issuer, claims, grants, reason },
});

const DistrustPipelines = z.strictObject({ name: identityName, reason });

/** What operations of access are asked with. */
export const accessAsks = {
  ...{ Can, DistrustPipelines, ExchangeIdentity, Listen, Login, MakeInvite, RevokeAccess },
  ...{ Place, TrustPipelines },
};

const Self = z.object({
  name: z.string(),
  kind: z.enum(["local", "user", "ci"]).describe("`local`: over the controller's socket, with all rights."),
  grants: z.array(grants.element),
  token: maybe(z.string()).describe("The token's id."),
  expiresAtMs: maybe(atMs),
});

const Verdict = z.object({
  allowed: z.boolean(),
  because: z.string().describe("The grant that allows it, or what is missing: one sentence."),
});

const AccessList = z.object({
  listening: maybe(
    z.object({
      address: z.string(),
      names: z.array(z.string()),
      pin: maybe(z.string()),
      trouble: maybe(z.string()),
    }),
  ),
  tokens: z.array(accessToken),
  invites: z.array(invite),
  rules: z.array(
    z.object({ name: z.string(), issuer, claims, grants, addedAtMs: atMs, addedBy: z.string() }),
  ),
  places: z
    .object({ files: z.array(z.string()), urls: z.array(z.string()) })
    .describe(
      "Files of the controller's machine, and beginnings of URLs, that requests over the network may name.",
    ),
});

const Invited = z.object({
  login: z
    .string()
    .describe("What `kiln login` takes. It holds the invite's secret, which is shown only here."),
  id: z.string(),
  expiresAtMs: atMs,
});

const Token = z.object({
  token: z.string().describe("The secret, which is shown only here."),
  id: z.string(),
  name: z.string(),
  grants: z.array(grants.element),
  expiresAtMs: atMs,
});

const RevokedAccess = z.object({ ids: z.array(z.string()).describe("Of tokens and invites.") });

const TrustedPipelines = z.object({
  controllers: z
    .array(z.string())
    .describe(
      "`kiln1.ADDRESS.PIN`, for KILN_CONTROLLER of a pipeline; empty while the controller does not listen.",
    ),
});

const Listening = z.object({
  address: z.string().describe("With the port that was opened."),
  addresses: z.array(z.string()).describe("`HOST:PORT` by which clients may reach it."),
  pin: z.string().describe("SHA-256 of the public key of the controller's authority, in base64url."),
});

/** What they answer. */
export const accessAnswers = {
  ...{ AccessList, Invited, Listening, RevokedAccess, Self, Token, TrustedPipelines, Verdict },
};
