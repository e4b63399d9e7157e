import { z } from "zod";
import { amount, atMs, base64, maybe } from "../../domain/schema/values.ts";

/** Paths and queries hold texts only. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number")
  .transform(Number);

export const flag = z.enum(["true", "false"]).transform((text) => text === "true");

export const service = z.string().min(1).max(128);

export const server = z.string().min(1).max(200);

export const givenReason = z.string().trim().min(1).max(1_000);

export const hostPort = z.string().regex(/^(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]{1,253}):\d{1,5}$/i, "HOST:PORT");

export const reason = givenReason.optional().describe("Why, for the event log.");

export const expectedNow = z.strictObject({
  serving: amount.optional().describe("The number of the release that serves; 0: none."),
  rollout: amount.optional().describe("The id of the running rollout; 0: none."),
});

export const planDigest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");

export const expect = expectedNow
  .extend({
    plan: planDigest
      .optional()
      .describe(
        "The digest of the shown plan: if the plan has changed since, the request fails and nothing changes.",
      ),
  })
  .optional()
  .describe("What the client believes to be the case. If it is not, the request fails and nothing changes.");

const Nothing = z.strictObject({});

const Because = z.strictObject({ reason });

export const Service = z.strictObject({ service });

export const ChangeService = Service.extend({ expect, reason });

export const target = z.string().min(1).max(128);

const OfService = z.strictObject({
  service: z.string().optional().describe("Only of this service."),
});

export const warnings = z.array(z.object({ message: z.string(), hint: maybe(z.string()) }));

export const trouble = z.object({ message: z.string(), hint: maybe(z.string()), sinceMs: atMs });

const ArchivePiece = z.object({ data: base64 });

/** What operations of several subjects are asked with. */
export const commonAsks = { Because, ChangeService, Nothing, OfService, Service };

/** What they answer. */
export const commonAnswers = { ArchivePiece };
