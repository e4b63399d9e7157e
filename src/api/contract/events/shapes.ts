import { z } from "zod";
import { mostFindings } from "../../../audit/replay.ts";
import { amount, atMs, base64, maybe } from "../../../domain/schema/values.ts";
import { flag, givenReason, trouble, wholeNumber } from "../common.ts";

const Events = z.strictObject({
  after: wholeNumber
    .optional()
    .describe("Only events with a higher sequence number. The header `Last-Event-ID` takes precedence."),
  newest: wholeNumber
    .optional()
    .describe("Of these, only this number of the newest. 0: none that has happened yet."),
  sinceMs: wholeNumber.optional().describe("Only events of this Unix time in ms or later."),
  service: z.string().optional(),
  server: z.string().optional().describe("Only events of this server."),
  follow: flag.optional().describe("Continue with events as they happen."),
});

const AcceptBreaks = z.strictObject({
  breaks: z
    .array(z.string().regex(/^[0-9a-f]{32}$/, "32 hex digits"))
    .max(mostFindings)
    .describe("Ids of the problems that a replay has found."),
  first: amount
    .optional()
    .describe(
      "The sequence number of the first one; absent when another program has only written to the database.",
    ),
  upTo: amount.describe("The last entry that was replayed."),
  reason: givenReason,
});

const Recorded = z.object({ sequence: z.number().int().describe("Its place in the event log.") });

const KilnEvent = z.object({
  sequence: z.number().int().min(1),
  atMs,
  service: maybe(z.string()),
  kind: z.string(),
  message: z.string(),
  data: z.record(z.string(), z.unknown()),
});

const checkpoint = z.object({
  sequence: amount.describe("The last entry that the checkpoint covers."),
  digest: z.string(),
  atMs,
  keyId: z.string(),
  signature: base64.describe("Ed25519, over the canonical JSON (RFC 8785) of the members above."),
});

const ExportedCheckpoint = checkpoint.extend({
  publicKey: z.string().describe("PEM."),
});

const AuditKey = z.object({
  keyId: z.string(),
  publicKey: z.string().describe("PEM."),
});

const AuditStatus = z.object({
  entries: amount,
  checkpoint: maybe(checkpoint).describe("The last signed checkpoint."),
  key: maybe(AuditKey),
  troubles: z.array(trouble),
});

/** What the operations are asked with. */
export const eventsAsks = { AcceptBreaks, Events };

/** What they answer. */
export const eventsAnswers = { AuditKey, AuditStatus, Checkpoint: ExportedCheckpoint, KilnEvent, Recorded };
