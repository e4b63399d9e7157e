import { parseServerId, type ServerId } from "../domain/ids.ts";
import type { TaintedServer } from "../domain/taint.ts";
import type { Clock } from "../lib/clock.ts";
import { toKilnError } from "../lib/errors.ts";
import type { Call, Evidence, Platform } from "../platform/platform.ts";
import type { Store } from "../store/store.ts";

/** Takes a tainted server out: records that, has the platform do it, records its evidence. May be repeated. */
export type Quarantine = (server: ServerId) => Promise<void>;

/** After this long a frozen server waits no longer for evidence that cannot be had. */
const evidenceLimitMs = 60_000;

export interface QuarantineOptions {
  readonly store: Store;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly call: () => Call;
}

/** Whoever asks while it goes on for the same server gets the same. */
export function createQuarantine({ store, platform, clock, call }: QuarantineOptions): Quarantine {
  const running = new Map<ServerId, Promise<void>>();

  async function quarantine(server: ServerId): Promise<void> {
    const taint = taintOf(store, server);
    if (taint === undefined) return;
    if (taint.takenAtMs === undefined) store.takeTainted(server);
    const evidence = await orNothingAtLast(taint);
    store.recordEvidence(server, evidence.digest, evidence.reason);
  }

  async function orNothingAtLast(taint: TaintedServer): Promise<Evidence & { readonly reason: string }> {
    const { server, finding, takenAtMs } = taint;
    try {
      const evidence = await platform.quarantine(server, finding, call());
      return { ...evidence, reason: "this platform keeps none." };
    } catch (error) {
      if (takenAtMs === undefined || clock.now() - takenAtMs < evidenceLimitMs) throw error;
      return { server, digest: undefined, reason: toKilnError(error).message };
    }
  }

  return (server) => {
    const known = running.get(server);
    if (known !== undefined) return known;
    const work = quarantine(server).finally(() => running.delete(server));
    running.set(server, work);
    return work;
  };
}

function taintOf(store: Store, server: ServerId): TaintedServer | undefined {
  const service = parseServerId(server)?.service;
  const desired = service === undefined ? undefined : store.desired(service);
  return desired?.taints.find((taint) => taint.server === server);
}
