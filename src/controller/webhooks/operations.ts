import type { KilnEvent } from "../../domain/event.ts";
import { usualKinds } from "../../domain/webhook.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Store } from "../../store/store.ts";
import { askerOf } from "../asker.ts";
import type { Operations } from "../operations.ts";
import { Deliverer, type DelivererParts } from "./deliverer.ts";
import { requireReceiver } from "./post.ts";

export type WebhookOperations = Pick<
  Operations,
  "webhooks" | "addWebhook" | "removeWebhook" | "rotateWebhook" | "replayWebhook" | "testWebhook"
>;

interface Parts extends DelivererParts {
  readonly store: Store;
}

/** Starts to send events to webhooks, and answers what is asked about them. */
export function startWebhooks(parts: Parts): {
  readonly operations: WebhookOperations;
  close(): Promise<void>;
} {
  const { store, clock } = parts;
  const { webhooks } = store;
  const deliverer = new Deliverer(parts);
  return {
    close: () => deliverer.close(),
    operations: {
      webhooks: async () => {
        const last = store.lastSequence();
        return webhooks.all().map((webhook) => ({ ...webhook, backlog: Math.max(0, last - webhook.cursor) }));
      },
      addWebhook: async (asked, who) => {
        const { name, url, headers = {}, format, kinds = usualKinds(asked.format), services } = asked;
        requireReceiver(url);
        if (format === "otlp" && asked.kinds !== undefined) throw kindsOfTraces();
        const webhook = { name, url, headers, format, kinds, services };
        return deliverer.change(name, () => ({ secret: webhooks.add(webhook, askerOf(asked, who)) }));
      },
      removeWebhook: (asked, who) =>
        deliverer.change(asked.name, () => webhooks.remove(asked.name, askerOf(asked, who))),
      rotateWebhook: async (asked, who) => ({ secret: webhooks.rotate(asked.name, askerOf(asked, who)) }),
      replayWebhook: (asked, who) =>
        deliverer.change(asked.name, () => webhooks.replay(asked.name, asked.from, askerOf(asked, who))),
      testWebhook: async ({ name }, { actor }, { signal = new AbortController().signal } = {}) => {
        const beganMs = clock.elapsed();
        await deliverer.tell(webhooks.one(name), testEvent(clock, actor.name), signal);
        return { ms: clock.elapsed() - beganMs };
      },
    },
  };
}

function kindsOfTraces(): KilnError {
  return new KilnError("usage", "A webhook of the format otlp receives each rollout when it is over.", {
    hint: "Leave out the kinds of events; `services` says whose rollouts.",
  });
}

/** It has no place in the log. */
function testEvent(clock: Clock, who: string): KilnEvent {
  const message = `${who} tests this webhook`;
  return { sequence: 0, atMs: clock.now(), service: undefined, kind: "webhook.test", message, data: {} };
}
