import type { Finding } from "../domain/drift/drift.ts";
import type { ServerId } from "../domain/ids.ts";
import { toKilnError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Clock } from "../lib/time/clock.ts";
import type { DriftNotice, DriftSource } from "../platform/contract/drift-source.ts";
import type { Inspector, Subject } from "../platform/linux/subject.ts";
import type { Difference } from "./checks/check.ts";
import { createChecks } from "./checks/checks.ts";
import { startFileCheck } from "./checks/files.ts";
import { startScan } from "./checks/scan.ts";
import { withinShare } from "./checks/share-of-time.ts";
import type { WatchGap } from "./gap.ts";
import { createLedger } from "./ledger.ts";
import { startNetworkCheck } from "./network/network.ts";
import { startNetworkMonitor } from "./network/network-monitor.ts";
import { gapNotice, protectionNotice, tierNotice } from "./notices.ts";
import { startTrace } from "./trace/trace.ts";
import { startWatch } from "./watch.ts";

export interface DriftWatchOptions {
  readonly inspector: Inspector;
  /** Names the trace instance of this installation: no other one on this machine has the same. */
  readonly tag: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const sameGapMs = 60_000;
/** The most of all time that looks at everything after gaps may take: a program that silences events again and again must not keep this process busy. */
const lookingShare = 0.1;

/** The kernel's events and the scan, or the scan alone. */
export type Tier = "kernel" | "scan";

/** Sees what is changed of running servers that are Linux processes. */
export interface DriftWatch extends DriftSource {
  /** How well it sees at this moment. */
  tier(): Tier;
  freeze(server: ServerId): boolean;
}

/** Every detector does one thing; what they see comes together here. */
export function startDriftWatch({ inspector, tag, clock, log }: DriftWatchOptions): DriftWatch {
  const found = new Set<(finding: Finding) => void>();
  const notices = new Set<(notice: DriftNotice) => void>();
  const ending = new AbortController();
  const ledger = createLedger(inspector, clock, (finding) => {
    log.warn({ ...finding }, "a server has drifted");
    for (const tell of found) tell(finding);
  });
  const notify = (notice: DriftNotice) => {
    for (const tell of notices) tell(notice);
  };
  const checks = createChecks(log);
  const partsOf = (seenBy: string) => ({
    ...{ inspector, checks, clock, log },
    tell: (subject: Subject, difference: Difference) => ledger.note(subject, difference, seenBy),
  });
  async function all(signal: AbortSignal): Promise<void> {
    await scan.all();
    await network.all(signal);
    await files.all(signal);
  }
  const lookAtAll = withinShare(() => all(ending.signal), {
    ...{ clock, share: lookingShare, signal: ending.signal },
    failed: (error) => log.warn({ error: toKilnError(error).message }, "a scan failed"),
  });
  const toldAt = new Map<string, number>();
  /** The same gap is not reported again within a minute. */
  function tellGap(one: WatchGap): void {
    const now = clock.elapsed();
    if (now - (toldAt.get(one.reason) ?? Number.NEGATIVE_INFINITY) < sameGapMs) return;
    toldAt.set(one.reason, now);
    log.warn({ ...one }, "changes may have been missed");
    notify(gapNotice(one));
  }
  function gap(one: WatchGap): void {
    if (ending.signal.aborted) return;
    lookAtAll();
    tellGap(one);
  }
  const tier = (): Tier => (trace.sees() ? "kernel" : "scan");

  const files = startFileCheck({
    ...partsOf("files"),
    unprotected(file) {
      log.warn({ file }, "the immutable flag of an image file in use was removed: it is set again");
      notify(protectionNotice(file));
    },
  });
  const network = startNetworkCheck(partsOf("network"));
  const monitor = startNetworkMonitor({
    ...partsOf("network"),
    ...{ changed: network.changed, filtered: network.suspect, missed: gap },
  });
  const watching = startWatch({ ...partsOf("watch"), image: files.touched });
  const trace = startTrace({
    ...partsOf("trace"),
    name: `kiln-${tag}`,
    changed(reason = "the kernel's events arrive") {
      notify(tierNotice(tier(), reason));
    },
    missed: gap,
    unclear: tellGap,
    suspect: network.suspect,
  });
  const scan = startScan({
    ...partsOf("scan"),
    isTraced: () => trace.sees(),
    isTold: (subject, name) => (name === "mounts" ? trace.sees() : watching.tells(subject, name)),
    missed: gap,
    passed() {
      files.glance();
      watching.again();
      ledger.forgetEnded();
    },
    spaceSeen: ({ server }, full) => ledger.withdrawFull(server, full),
  });

  return {
    tier,
    watch: (tell) => subscribe(found, tell),
    watchNotices: (tell) => subscribe(notices, tell),
    freeze: (server) => inspector.freeze(server),
    findings: ledger.findings,
    async inspect(call) {
      await all(call.signal);
      call.signal.throwIfAborted();
      return ledger.findings();
    },
    async [Symbol.asyncDispose]() {
      found.clear();
      notices.clear();
      ending.abort();
      watching[Symbol.dispose]();
      await Promise.all(
        [trace, scan, files, monitor, network].map((detector) => detector[Symbol.asyncDispose]()),
      );
    },
  };
}

function subscribe<T extends (...args: never[]) => void>(all: Set<T>, tell: T): Disposable {
  all.add(tell);
  return { [Symbol.dispose]: () => void all.delete(tell) };
}
