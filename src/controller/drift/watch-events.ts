import type { NewEvent } from "../../domain/event.ts";
import type { DriftWatch, Tier } from "../../drift/drift-watch.ts";
import type { Gap } from "../../drift/gap.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";

type Watched = Pick<DriftWatch, "watchTier" | "watchProtection" | "watchGap">;

/** Records what the watch over drift reports of the machine, and not of one server. */
export function recordWatch(
  drift: Watched,
  store: { appendEvent(event: NewEvent): unknown },
  log: Logger,
): Disposable {
  const record = (event: NewEvent) => {
    try {
      store.appendEvent(event);
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "an event could not be recorded");
    }
  };
  const tiers = drift.watchTier((tier, reason) => record(tierEvent(tier, reason)));
  const protection = drift.watchProtection((file) => record(protectionEvent(file)));
  const gaps = drift.watchGap((gap) => record(gapEvent(gap)));
  return {
    [Symbol.dispose]() {
      gaps[Symbol.dispose]();
      tiers[Symbol.dispose]();
      protection[Symbol.dispose]();
    },
  };
}

function tierEvent(tier: Tier, reason: string): NewEvent {
  const how = tier === "kernel" ? "within milliseconds" : "by the scan alone, within seconds";
  const message = `Kiln sees drift ${how}: ${reason}.`;
  return { service: undefined, kind: "drift.tier", message, data: { tier, reason } };
}

function protectionEvent(file: string): NewEvent {
  const message = `The immutable flag of an image file in use was removed: ${file}. The content is unchanged and the flag is set again.`;
  return { service: undefined, kind: "image.unprotected", message, data: { file } };
}

function gapEvent({ reason, missed, ms }: Gap): NewEvent {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const message = `Kiln may have missed drift for up to ${seconds} s, because ${reason}: ${missed}. It now looks at everything.`;
  return { service: undefined, kind: "drift.gap", message, data: { reason, missed, ms: Math.round(ms) } };
}
