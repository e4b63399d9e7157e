import { z } from "zod";
import { atMs, maybe } from "../../../domain/schema/values.ts";
import { webhookFormats } from "../../../domain/webhook.ts";

const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "lower-case letters, digits and `-`, beginning with a letter");
const reason = z.string().trim().min(1).max(1_000).optional().describe("Why, for the event log.");
/** What says how long a request is, what it is, and who sent it. */
const ownHeaders =
  /^(host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|user-agent|webhook-.*)$/i;
const format = z.enum(webhookFormats);
const kinds = z.array(z.string().regex(/^[a-z.*-]{1,64}$/, "a kind of event, such as `rollout.*`")).max(50);
const services = z
  .array(z.string().regex(/^[A-Za-z0-9.*_-]{1,128}$/, "a service, such as `*.production`"))
  .max(100);

const headers = z
  .record(z.string(), z.string().regex(/^[\x20-\x7e]{1,2000}$/, "printable ASCII"))
  .refine(
    (all) => Object.keys(all).every((one) => /^[A-Za-z0-9_-]{1,64}$/.test(one) && !ownHeaders.test(one)),
    "names of headers, without those that Kiln sets itself: what a request holds, who sends it and where to",
  )
  .refine((all) => Object.keys(all).length <= 20, "at most 20 headers")
  .refine(
    (all) => new Set(Object.keys(all).map((one) => one.toLowerCase())).size === Object.keys(all).length,
    "each header once, in whatever case",
  )
  .describe("Of each request, such as a key of the receiver. They are kept like the URL.");

const NamedWebhook = z.strictObject({ name, reason });

const AddWebhook = NamedWebhook.extend({
  url: z.string().min(1).max(2_000).describe("Where to send. It is kept like a secret."),
  headers: headers.optional(),
  format: format.default("cloudevents"),
  kinds: kinds
    .min(1)
    .optional()
    .describe(
      "Absent: all for `cloudevents`, what people may have to act on for the others. For `otlp` always absent: the ends of rollouts.",
    ),
  services: services.default([]).describe("Empty: all, and the installation itself."),
});

const ReplayWebhook = NamedWebhook.extend({
  from: z.number().int().describe("The `sequence` of the first event to send."),
});

/** What operations of webhooks are asked with. */
export const webhookAsks = { NamedWebhook, AddWebhook, ReplayWebhook };

const Webhook = z.object({
  name: z.string(),
  origin: z.string().describe("The beginning of its URL."),
  format,
  kinds: z.array(z.string()),
  services: z.array(z.string()),
  createdAtMs: atMs,
  createdBy: z.string(),
  cursor: z
    .number()
    .int()
    .describe("The last entry of the log that is done with: delivered, or not its concern."),
  backlog: z.number().int().describe("How many entries of the log come after that."),
  deliveredAtMs: maybe(atMs),
  failing: maybe(z.object({ sinceMs: atMs, attempts: z.number().int(), reason: z.string() })),
});

const WebhookSecret = z.object({
  secret: z.string().describe("Signs each message (Standard Webhooks); told only now."),
});

const WebhookTested = z.object({ ms: z.number().describe("Until the receiver had taken it.") });

export const webhookAnswers = { Webhooks: z.array(Webhook), WebhookSecret, WebhookTested };
