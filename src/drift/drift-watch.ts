import type { Finding, IntegrityTier } from "../domain/drift.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Call, Sight } from "../platform/platform.ts";
import { createLedger } from "./ledger.ts";
import { startScan } from "./scan.ts";

export interface DriftWatchOptions {
  readonly sight: Sight;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Sees what is changed of running servers. Disposing of it ends all looking. */
export interface DriftWatch extends AsyncDisposable {
  /** How well it sees at this moment. */
  tier(): IntegrityTier["name"];
  /** Calls back with each finding, once, as soon as it is there. */
  watch(found: (finding: Finding) => void): Disposable;
  /** All that was found about servers that are there, oldest first. */
  findings(): readonly Finding[];
  /** Looks at everything now; resolves to all findings. */
  inspect(call: Call): Promise<readonly Finding[]>;
}

export function startDriftWatch({ sight, clock, log }: DriftWatchOptions): DriftWatch {
  const watchers = new Set<(finding: Finding) => void>();
  const ledger = createLedger(sight, clock, (finding) => {
    log.warn({ ...finding }, "a server is not what it was made as");
    for (const found of watchers) found(finding);
  });
  const parts = { sight, clock, log };
  const scan = startScan({
    ...parts,
    tell: (subject, difference) => ledger.note(subject, difference, "scan"),
    isTraced: () => false,
    passed: ledger.forgetEnded,
    spaceSeen: ({ server }, full) => ledger.withdrawFull(server, full),
  });

  return {
    tier: () => "scan",
    watch(found) {
      const watcher = (finding: Finding) => found(finding);
      watchers.add(watcher);
      return { [Symbol.dispose]: () => void watchers.delete(watcher) };
    },
    findings: ledger.findings,
    async inspect(call) {
      call.signal.throwIfAborted();
      await scan.all();
      return ledger.findings();
    },
    async [Symbol.asyncDispose]() {
      watchers.clear();
      await scan[Symbol.asyncDispose]();
    },
  };
}
