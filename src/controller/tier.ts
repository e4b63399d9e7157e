import type { DriftWatch } from "../drift/drift-watch.ts";
import { toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

/** Records each time that drift is seen better or worse than before. */
export function recordTier(drift: Pick<DriftWatch, "watchTier">, store: Store, log: Logger): Disposable {
  return drift.watchTier((tier, reason) => {
    const how = tier === "kernel" ? "within milliseconds" : "by the scan alone, within seconds";
    const message = `Drift is seen ${how}: ${reason}.`;
    try {
      store.appendEvent({ service: undefined, kind: "drift.tier", message, data: { tier, reason } });
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "an event could not be recorded");
    }
  });
}
