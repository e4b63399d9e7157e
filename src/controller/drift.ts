import type { Finding } from "../domain/drift.ts";
import { parseServerId } from "../domain/ids.ts";
import type { DriftWatch } from "../drift/drift-watch.ts";
import { toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

/** Records every finding as an event. */
export function recordDrift(drift: DriftWatch, store: Store, log: Logger): Disposable {
  return drift.watch((finding) => {
    try {
      store.appendEvent({
        service: parseServerId(finding.server)?.service,
        kind: "drift.found",
        message: `${finding.server} is not what it was made as: ${finding.detail}.`,
        data: dataOf(finding),
      });
    } catch (error) {
      log.warn({ err: toKilnError(error) }, "a finding could not be recorded");
    }
  });
}

function dataOf({ server, kind, subject, seenBy, culprit }: Finding) {
  return { server, finding: kind, subject, seenBy, ...(culprit ? { culprit } : {}) };
}
