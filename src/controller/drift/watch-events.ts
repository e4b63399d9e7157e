import type { NewEvent } from "../../domain/event.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { DriftSource } from "../../platform/contract/drift-source.ts";

/** Records what a source of drift says of itself and of its place, and not of one server. */
export function recordNotices(
  drift: Pick<DriftSource, "watchNotices">,
  store: { appendEvent(event: NewEvent): unknown },
  log: Logger,
): Disposable {
  return drift.watchNotices((notice) => {
    try {
      store.appendEvent({ service: undefined, ...notice });
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "an event could not be recorded");
    }
  });
}
