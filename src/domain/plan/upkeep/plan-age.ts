import type { ServerId } from "../../ids.ts";
import type { ServerObservation } from "../../observation.ts";
import type { Action } from "../../rollout/actions.ts";
import type { DesiredService } from "../../rollout/rollout.ts";
import type { ServiceView } from "../service-view.ts";
import { carriers } from "./drift-response.ts";

export interface AgePlan {
  readonly actions: readonly Action[];
  /** The server that another one takes the place of. */
  readonly replacing: readonly ServerId[];
  readonly wakeAtMs: number | undefined;
}

const nothing: AgePlan = { actions: [], replacing: [], wakeAtMs: undefined };

/** How much before its time a server may be replaced, as a part of `maxAge`: the servers of one rollout must not all go at once. */
const spread = 0.2;

/**
 * Replaces servers that are too old, one by one, by others of the same release: the successor is ready and has traffic
 * before the old one is drained. Never during a rollout, and never while Kiln deals with a server that has drifted.
 */
export function planAge(desired: DesiredService, view: ServiceView, nowMs: number): AgePlan {
  const { serving, rollout, upkeep, alone, count } = desired;
  const maxAgeMs = upkeep.maxAgeMs;
  const group = serving === undefined ? undefined : view.groups.get(serving);
  if (maxAgeMs === undefined || group === undefined || rollout !== undefined || alone || count === 0)
    return nothing;
  if (desired.taints.some((t) => t.response !== "report" && t.evidenceAtMs === undefined)) return nothing;
  const live = group.servers.filter((s) => s.state !== "quarantined");
  const due = live
    .filter((s) => s.state === "ready")
    .map((server) => ({ server, atMs: dueAtMs(server, maxAgeMs) }))
    .sort((a, b) => a.atMs - b.atMs);
  const begun = due.find(({ server }) => group.replacing?.includes(server.id));
  const [oldest] = due;
  const carrying = carriers(desired, view);
  const isCalm = live.length >= count && live.every((s) => carrying.includes(s));
  const next = begun ?? (isCalm && oldest !== undefined && oldest.atMs <= nowMs ? oldest : undefined);
  if (next === undefined) return { ...nothing, wakeAtMs: due.find(({ atMs }) => atMs > nowMs)?.atMs };
  const others = carrying.filter((s) => s !== next.server).length;
  const actions = others >= count ? [retire(desired, next.server)] : [];
  return { actions, replacing: [next.server.id], wakeAtMs: undefined };
}

function retire({ service }: DesiredService, { id }: ServerObservation): Action {
  return { kind: "retire", service, server: id, reason: `${id} has reached its greatest age` };
}

function dueAtMs({ id, createdAtMs }: ServerObservation, maxAgeMs: number): number {
  return createdAtMs + Math.round(maxAgeMs * (1 - spread * partOf(id)));
}

/** 0 to 1, the same for the same id and far apart for ids that are alike: FNV-1a, then mixed as in MurmurHash3. */
function partOf(id: ServerId): number {
  let hash = 0x811c9dc5;
  for (const letter of id) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
