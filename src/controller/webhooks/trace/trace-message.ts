import type { KilnEvent } from "../../../domain/event.ts";
import type { Store } from "../../../store/store.ts";
import type { Message } from "../message.ts";
import { traceRequest } from "./otlp.ts";
import { spansOf } from "./rollout-trace.ts";

/** The rollout that this event has ended, as a trace; an empty one of any other event, such as a test. */
export function traceMessage(store: Pick<Store, "events">, ended: KilnEvent, installation: string): Message {
  const spans = spansOf(rolloutEvents(store, ended));
  return {
    headers: { "content-type": "application/json" },
    body: JSON.stringify(traceRequest(spans, installation)),
  };
}

/** Of its service, from the beginning of the rollout to its end: what servers did says nothing of rollouts. */
function rolloutEvents(
  store: Pick<Store, "events">,
  { service, data, sequence }: KilnEvent,
): readonly KilnEvent[] {
  const { rollout } = data;
  if (service === undefined || typeof rollout !== "number") return [];
  const [began] = store.events({ service, rollout, kinds: ["rollout.started"], limit: 1 });
  if (began === undefined) return [];
  const limit = Math.max(1, sequence - began.sequence + 1);
  const events = store.events({ service, after: began.sequence - 1, limit });
  return events.filter((event) => event.sequence <= sequence);
}
