import type { AskedOf, OperationsOf } from "../types.ts";
import type { webhookTable } from "./operations.ts";

/** What they are asked, at least once each. */
export const webhooksAsked: AskedOf<typeof webhookTable> = {
  webhooks: [{}],
  addWebhook: [
    { name: "team", url: "https://hooks.example.com/x", format: "slack", services: ["*.production"] },
    { name: "ci", url: "https://ci.example.com", format: "cloudevents", kinds: ["rollout.*"], services: [] },
  ],
  removeWebhook: [{ name: "team", reason: "moved" }],
  rotateWebhook: [{ name: "team" }],
  replayWebhook: [{ name: "team", from: 3 }],
  testWebhook: [{ name: "team" }],
};

/** Full values. */
export const webhooksAnswered: OperationsOf<typeof webhookTable> = {
  webhooks: async () => [
    {
      ...{ name: "team", origin: "https://hooks.example.com", format: "slack", kinds: ["rollout.*"] },
      ...{ services: ["*.production"], createdAtMs: 1, createdBy: "ada", cursor: 7, backlog: 2 },
      ...{ deliveredAtMs: 2, failing: { sinceMs: 3, attempts: 4, reason: "it answered 500" } },
    },
  ],
  addWebhook: async () => ({ secret: "whsec_c2VjcmV0" }),
  removeWebhook: async () => {},
  rotateWebhook: async () => ({ secret: "whsec_c2VjcmV0" }),
  replayWebhook: async () => {},
  testWebhook: async () => ({ ms: 12 }),
};
