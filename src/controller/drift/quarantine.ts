import { evidenceLimitMs, type TaintedServer } from "../../domain/drift/taint.ts";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { toKilnError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Evidence } from "../../platform/contract/evidence.ts";
import type { Platform } from "../../platform/contract/platform.ts";
import type { Store } from "../../store/store.ts";

/**
 * Takes a tainted server out, in the background: records that, has the platform do it, records its evidence. What is
 * already in progress for this server is not begun again; what fails is logged, and the planner asks again.
 */
export type Quarantine = (service: ServiceKey, server: ServerId) => void;

export interface QuarantineOptions {
  readonly store: Store;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly log: Logger;
  readonly call: () => Call;
  readonly poke: (service: ServiceKey) => void;
}

/** Evidence may take its time; neither a detector nor a pass over the service waits for it. */
export function createQuarantine(options: QuarantineOptions): Quarantine {
  const { store, platform, clock, log, call, poke } = options;
  const running = new Set<ServerId>();

  async function quarantine(service: ServiceKey, server: ServerId): Promise<void> {
    const { signal, ...rest } = call();
    try {
      const taint = taintOf(store, service, server);
      if (taint === undefined) return;
      if (taint.takenAtMs === undefined) store.takeTainted(server);
      await (taint.held
        ? platform.exec?.isolate(server, { signal, ...rest })
        : keep(taint, { signal, ...rest }));
      // Asked for again, it is on its way out, and no look has shown that yet: the loop looks again in its own time.
      if (taint.evidenceAtMs === undefined) poke(service);
    } catch (error) {
      const { code, message } = toKilnError(error);
      // It ended meanwhile: the next pass sees that.
      if (signal.aborted || code === "server_unknown") return;
      log.warn({ server, code, message }, "a quarantine failed; Kiln repeats it");
    }
  }

  async function keep(taint: TaintedServer, call: Call): Promise<void> {
    const evidence = await orNothingAtLast(taint, call);
    if (platform.quarantine === undefined && taint.evidenceAtMs !== undefined) return; // it says so already
    store.recordEvidence(evidence, evidence.reason);
  }

  async function orNothingAtLast(
    taint: TaintedServer,
    call: Call,
  ): Promise<Evidence & { readonly reason: string }> {
    const { server, finding } = taint;
    try {
      const evidence = await keepApart(server, finding, call);
      return { ...evidence, reason: "this platform keeps none." };
    } catch (error) {
      const takenAtMs = taintOf(store, finding.service, server)?.takenAtMs; // as it is now: it moves with a clock that is set
      const tooLate = takenAtMs !== undefined && clock.now() - takenAtMs >= evidenceLimitMs;
      if (!tooLate || call.signal.aborted) throw error;
      return { server, digest: undefined, reason: toKilnError(error).message };
    }
  }

  /** Where no server can be kept apart, it goes. */
  async function keepApart(
    server: ServerId,
    finding: TaintedServer["finding"],
    call: Call,
  ): Promise<Evidence> {
    if (platform.quarantine !== undefined) return platform.quarantine(server, finding, call);
    await platform.retire(server, call);
    return { server, digest: undefined };
  }

  return (service, server) => {
    if (running.has(server)) return;
    running.add(server);
    void quarantine(service, server).finally(() => running.delete(server));
  };
}

function taintOf(store: Store, service: ServiceKey, server: ServerId): TaintedServer | undefined {
  return store.desired(service)?.taints.find((taint) => taint.server === server);
}
