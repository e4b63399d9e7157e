import { setImmediate as otherWork } from "node:timers/promises";
import type { KilnEvent } from "../../domain/event.ts";
import type { Store } from "../store.ts";
import type { EventQuery } from "./events.ts";

/** So many events are read at once. */
const pageEvents = 1_000;

/** All events that the query asks for, oldest first, in pages: the controller does other work in between. */
export async function* pagesOf(
  store: Pick<Store, "events">,
  query: Pick<EventQuery, "after" | "service" | "kinds">,
): AsyncGenerator<readonly KilnEvent[]> {
  let { after = 0 } = query;
  for (;;) {
    const events = store.events({ ...query, after, limit: pageEvents });
    yield events;
    if (events.length < pageEvents) return;
    after = events.at(-1)?.sequence ?? after;
    await otherWork();
  }
}
