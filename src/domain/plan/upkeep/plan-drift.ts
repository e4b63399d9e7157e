import type { TaintedServer } from "../../drift/taint.ts";
import type { ServerId } from "../../ids.ts";
import type { ServerObservation } from "../../observation.ts";
import type { Action } from "../../rollout/actions.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import type { ServiceView } from "../service-view.ts";
import { fewestCarrying, reasonToWait, situationOf } from "./drift-response.ts";

/** How many servers of a service are kept in quarantine, and for how long, when its policy is to keep them. */
export const keptInQuarantine = { most: 3, ms: 7 * 24 * 3_600_000 };

export interface DriftPlan {
  readonly actions: readonly Action[];
  /** Servers that cannot be taken out before they have a successor. */
  readonly replacing: readonly ServerId[];
  readonly wakeAtMs: number | undefined;
}

/** Where a tainted server stands. */
interface Case {
  readonly taint: TaintedServer;
  /** Undefined: given up already, and not quite gone. */
  readonly server: ServerObservation | undefined;
}

/**
 * Carries on with every tainted server from where it is: taken out when its service can spare it, then evidence, then
 * destroyed. Nothing is remembered between plans but the taint, so a crash at any point needs no more than the next plan.
 */
export function planDrift(desired: DesiredService, view: ServiceView, nowMs: number): DriftPlan {
  const present = new Map([...view.groups.values()].flatMap((g) => g.servers.map((s) => [s.id, s] as const)));
  const remains = new Set([...view.groups.values()].flatMap((g) => g.remains));
  const gone = desired.taints.filter((t) => !present.has(t.server) && !remains.has(t.server));
  const cases = desired.taints
    .filter((t) => t.response !== "report")
    .map((taint): Case => ({ taint, server: present.get(taint.server) }));
  const live = planLive(desired, view, cases.filter(isLive), nowMs);
  const quarantined = planQuarantined(
    desired,
    cases.filter((c) => isQuarantined(c) && !c.taint.held),
    nowMs,
  );
  const wakes = [live.wakeAtMs, quarantined.wakeAtMs].filter((at) => at !== undefined);
  return {
    actions: [
      ...gone.map((taint) => forget(desired, taint)),
      ...live.actions,
      ...quarantined.actions,
      ...strays(desired, present.values()),
    ],
    replacing: live.replacing,
    wakeAtMs: wakes.length === 0 ? undefined : Math.min(...wakes),
  };
}

/** In quarantine although its case is closed: the platform had said that it was destroyed. */
function strays(
  { service, taints }: DesiredService,
  servers: Iterable<ServerObservation>,
): readonly Action[] {
  const known = new Set(taints.map((t) => t.server));
  return [...servers]
    .filter((s) => s.state === "quarantined" && !known.has(s.id))
    .map(({ id }) => ({ kind: "destroy", service, server: id, reason: "it is no longer needed" }));
}

function isLive({ server }: Case): boolean {
  return server !== undefined && server.state !== "quarantined" && server.state !== "draining";
}

function isQuarantined({ server }: Case): boolean {
  return server?.state === "quarantined";
}

/** Servers that are still at work: the ones already taken first, then as many of the others as can be spared. */
function planLive(
  desired: DesiredService,
  view: ServiceView,
  cases: readonly Case[],
  nowMs: number,
): DriftPlan {
  const actions: Action[] = [];
  const waiting: ServerId[] = [];
  let known = desired; // each one that is taken leaves fewer for the next
  for (const { taint } of cases) {
    const { server, takenAtMs } = taint;
    if (takenAtMs === undefined && reasonToWait(situationOf(known, view, server, nowMs)) !== undefined) {
      waiting.push(server);
      continue;
    }
    known = withTaken(known, server, nowMs);
    actions.push(quarantine(desired, taint, taint.finding.detail));
  }
  const suspended = nowMs < (desired.suspendedUntilMs ?? 0);
  // Where not even one can be missing, the first gets its successor before it goes.
  const needsSuccessor = !suspended && desired.count - 1 < fewestCarrying(desired);
  return {
    actions,
    replacing: needsSuccessor ? waiting.slice(0, 1) : [],
    wakeAtMs: suspended && waiting.length > 0 ? desired.suspendedUntilMs : undefined,
  };
}

function withTaken(desired: DesiredService, server: ServerId, nowMs: number): DesiredService {
  const taints = desired.taints.map((t) =>
    t.server === server ? { ...t, takenAtMs: t.takenAtMs ?? nowMs } : t,
  );
  return { ...desired, taints };
}

function planQuarantined(
  desired: DesiredService,
  cases: readonly Case[],
  nowMs: number,
): Pick<DriftPlan, "actions" | "wakeAtMs"> {
  const proven = cases.filter((c) => c.taint.evidenceAtMs !== undefined);
  const kept = proven
    .filter((c) => c.taint.response === "quarantine" && nowMs < endOf(c))
    .slice(-keptInQuarantine.most);
  return {
    actions: [
      ...cases
        .filter((c) => c.taint.evidenceAtMs === undefined)
        .map((c) => quarantine(desired, c.taint, "its evidence is not kept yet")),
      ...proven.filter((c) => !kept.includes(c)).map((c) => destroy(desired, c)),
    ],
    wakeAtMs: kept.length === 0 ? undefined : Math.min(...kept.map(endOf)),
  };
}

/** When a kept server has been kept long enough. */
function endOf({ taint }: Case): number {
  return taint.taintedAtMs + keptInQuarantine.ms;
}

function quarantine({ service }: DesiredService, { server }: TaintedServer, reason: string): Action {
  return { kind: "quarantine", service, server, reason };
}

function destroy({ service }: DesiredService, { taint }: Case): Action {
  const reason =
    taint.response === "replace" ? "its evidence is kept" : "it was kept in quarantine long enough";
  return { kind: "destroy", service, server: taint.server, reason };
}

function forget({ service }: DesiredService, { server }: TaintedServer): Action {
  return { kind: "record", service, change: { kind: "taint-over", server }, reason: `${server} is gone` };
}
