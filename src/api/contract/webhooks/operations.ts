import type { ContractEntry } from "../entry.ts";

/** The part of the table about those that receive events. */
export const webhookTable = {
  webhooks: {
    method: "GET",
    path: "/v1/webhooks",
    needs: "view installation",
    summary: "Every webhook, and what it has yet to receive; never its address or its secret.",
    asks: "Nothing",
    answers: "Webhooks",
  },
  /** Throws `webhook_taken`, and `usage` for an address that no webhook can have. */
  addWebhook: {
    method: "POST",
    path: "/v1/webhooks/:name",
    needs: "local",
    summary: "Sends events to an address from now on.",
    asks: "AddWebhook",
    answers: "WebhookSecret",
  },
  /** Throws `webhook_unknown`. */
  removeWebhook: {
    method: "POST",
    path: "/v1/webhooks/:name/remove",
    needs: "administer installation",
    summary: "Removes a webhook.",
    asks: "NamedWebhook",
  },
  /** Throws `webhook_unknown`. */
  rotateWebhook: {
    method: "POST",
    path: "/v1/webhooks/:name/rotate",
    needs: "administer installation",
    summary: "Gives a webhook a new secret; for a day the one before signs as well.",
    asks: "NamedWebhook",
    answers: "WebhookSecret",
  },
  /** Throws `webhook_unknown`, and `usage` for a place outside of the log. */
  replayWebhook: {
    method: "POST",
    path: "/v1/webhooks/:name/replay",
    needs: "administer installation",
    summary: "Sends a webhook the events from another place in the log on.",
    asks: "ReplayWebhook",
  },
  /** Throws `webhook_unknown`, `webhook_failed`. */
  testWebhook: {
    method: "POST",
    path: "/v1/webhooks/:name/test",
    needs: "administer installation",
    summary: "Sends a webhook one message, to see whether it takes it.",
    asks: "NamedWebhook",
    answers: "WebhookTested",
  },
} as const satisfies Readonly<Record<string, ContractEntry>>;
