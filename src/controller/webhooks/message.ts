import { createHmac } from "node:crypto";
import type { KilnEvent } from "../../domain/event.ts";
import type { WebhookFormat } from "../../domain/webhook.ts";

/** A request about one event. */
export interface Message {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Pure. */
export function messageOf(
  format: Exclude<WebhookFormat, "otlp" | "github-deployment">,
  event: KilnEvent,
  installation: string,
): Message {
  switch (format) {
    case "cloudevents":
      return {
        headers: { "content-type": "application/cloudevents+json; charset=utf-8" },
        body: JSON.stringify(cloudEvent(event, installation)),
      };
    case "slack":
      return json({ text: slackText(sentence(event)) });
    case "teams":
      return json(teamsCard(sentence(event)));
    case "ntfy":
      return {
        headers: { "content-type": "text/plain; charset=utf-8", title: "Kiln", tags: event.kind },
        body: sentence(event),
      };
  }
}

function json(value: object): Message {
  return { headers: { "content-type": "application/json; charset=utf-8" }, body: JSON.stringify(value) };
}

/** The same for an event each time, so that receivers notice a repetition. An event without a place in the log (0) is a test. */
export function idOf({ sequence, atMs }: KilnEvent, installation: string): string {
  return sequence === 0 ? `${installation}-test-${atMs}` : `${installation}-${sequence}`;
}

/** CloudEvents 1.0.2, section "Context Attributes", in its JSON format. */
function cloudEvent(event: KilnEvent, installation: string): object {
  const { service, kind, message, data, atMs, sequence } = event;
  return {
    specversion: "1.0",
    id: idOf(event, installation),
    source: service === undefined ? `/kiln/${installation}` : `/kiln/${installation}/services/${service}`,
    type: `dev.kiln.${kind}`,
    ...(service === undefined ? {} : { subject: service }),
    time: new Date(atMs).toISOString(),
    datacontenttype: "application/json",
    data: { sequence, message, ...data },
  };
}

function sentence({ service, message }: KilnEvent): string {
  return service === undefined ? message : `${service}: ${message}`;
}

/** Slack, "Formatting text for app surfaces": these three are all that has to be escaped. */
function slackText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/**
 * Microsoft Teams, "Create incoming webhooks with Workflows": an Adaptive Card in a message. A `TextBlock` would take the text for Markdown, in which
 * someone's reason could be a link; a `TextRun` is shown as it is.
 */
function teamsCard(text: string): object {
  const body = [{ type: "RichTextBlock", inlines: [{ type: "TextRun", text }] }];
  const content = {
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    ...{ type: "AdaptiveCard", version: "1.4", body },
  };
  return {
    type: "message",
    attachments: [{ contentType: "application/vnd.microsoft.card.adaptive", content }],
  };
}

/**
 * The headers of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body` with each secret that holds. Receivers refuse a timestamp
 * that is minutes old, so each attempt gets a new signature.
 */
export function signed(
  id: string,
  { headers, body }: Message,
  secrets: readonly string[],
  nowMs: number,
): Message {
  const timestamp = `${Math.floor(nowMs / 1000)}`;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
  });
  return {
    headers: {
      ...headers,
      ...{ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") },
    },
    body,
  };
}
