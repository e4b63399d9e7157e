import type { ServerId } from "../../domain/ids.ts";

/** `half-made`: a crash left its creation unfinished. `failing`: given up, being stopped. `failed`: stopped, its record kept. */
export type SlotState =
  | "half-made"
  | "creating"
  | "starting"
  | "ready"
  | "leaving"
  | "quarantined"
  | "failing"
  | "failed";

export interface SlotServer {
  readonly id: ServerId;
  readonly slot: number;
  readonly attempt: number;
  readonly state: SlotState;
  /** When it came into its state; like all times here as `Clock.elapsed` counts. */
  readonly sinceMs: number;
}

/** What is remembered of a slot after its servers are gone. */
export interface SlotHistory {
  /** The highest attempt so far. */
  readonly attempts: number;
  /** Failures in a row. */
  readonly failures: number;
  readonly lastFailureMs: number;
}

export interface GroupView {
  /** How many servers are wanted; undefined until `resize` was called. */
  readonly size: number | undefined;
  readonly servers: readonly SlotServer[];
  readonly slots: ReadonlyMap<number, SlotHistory>;
  /** Servers that run in addition to the wanted ones. Absent: none. */
  readonly replacing?: readonly ServerId[];
}

export type GroupAction =
  /** With the id of a half-made server, its creation is completed. */
  | { readonly kind: "create"; readonly slot: number; readonly attempt: number }
  /** Out of traffic, drained, stopped, destroyed. */
  | { readonly kind: "leave"; readonly id: ServerId }
  /** A kept record that is no longer needed. */
  | { readonly kind: "discard"; readonly id: ServerId };

export interface GroupPlan {
  readonly actions: readonly GroupAction[];
  /** When a back-off ends. */
  readonly wakeAtMs: number | undefined;
}

/** Records of failed servers that a group keeps, for their logs. */
const keptRecords = 3;

const longestBackOffMs = 60_000;

/** How long a slot stays empty after this many failures in a row: not at all, then 1 s, 2 s, 4 s, up to a minute. */
export function backOffMs(failures: number): number {
  return failures <= 1 ? 0 : Math.min(longestBackOffMs, 1000 * 2 ** (failures - 2));
}

/** The slot's history after one more failure. A server that was ready for longer than any back-off starts a new row. */
export function withFailure(
  history: SlotHistory | undefined,
  attempt: number,
  atMs: number,
  readyForMs = 0,
): SlotHistory {
  const former = readyForMs >= longestBackOffMs ? 0 : (history?.failures ?? 0);
  return {
    attempts: Math.max(attempt, history?.attempts ?? 0),
    failures: former + 1,
    lastFailureMs: Math.max(atMs, history?.lastFailureMs ?? atMs),
  };
}

/** What makes the group as it is wanted, at `nowMs`. Pure; applying it and asking again gives nothing more to do. */
export function reconcileGroup(view: GroupView, nowMs: number): GroupPlan {
  if (view.size === undefined) return { actions: [], wakeAtMs: undefined };
  const beside = new Set(view.replacing);
  const live = view.servers.filter((s) => isLive(s) && !beside.has(s.id)).sort(worstFirst);
  const surplus = live.slice(0, Math.max(0, live.length - view.size));
  const kept = live.slice(surplus.length);
  const vacant = vacantSlots(view, kept, view.size - kept.length);
  const due = vacant.filter((v) => v.readyAtMs <= nowMs);
  const later = vacant.filter((v) => v.readyAtMs > nowMs).map((v) => v.readyAtMs);
  return {
    actions: [
      ...kept.filter((s) => s.state === "half-made").map(create),
      ...due.map(create),
      ...[...surplus, ...leftovers(view)].map((s) => ({ kind: "leave" as const, id: s.id })),
      ...surplusRecords(view, kept).map((s) => ({ kind: "discard" as const, id: s.id })),
    ],
    wakeAtMs: later.length === 0 ? undefined : Math.min(...later),
  };
}

const badness: Readonly<Partial<Record<SlotState, number>>> = {
  "half-made": 3,
  creating: 2,
  starting: 1,
  ready: 0,
};

function isLive(server: SlotServer): boolean {
  return badness[server.state] !== undefined;
}

/** Who leaves first when there are too many: what serves least, then the highest slot. */
function worstFirst(a: SlotServer, b: SlotServer): number {
  return (badness[b.state] ?? 0) - (badness[a.state] ?? 0) || b.slot - a.slot || b.attempt - a.attempt;
}

interface Vacancy {
  readonly slot: number;
  readonly attempt: number;
  readonly readyAtMs: number;
}

/**
 * The lowest free slots, as many as servers are missing. One that is backing off is waited for, not passed over. The slot of a
 * server that is being replaced is free: its successor is the next attempt there, so that the names say whose place it takes.
 */
function vacantSlots(view: GroupView, live: readonly SlotServer[], missing: number): readonly Vacancy[] {
  const taken = new Set(live.map((s) => s.slot));
  const vacant: Vacancy[] = [];
  for (let slot = 1; vacant.length < missing; slot++) {
    if (taken.has(slot)) continue;
    const history = view.slots.get(slot);
    const readyAtMs =
      history === undefined ? Number.NEGATIVE_INFINITY : history.lastFailureMs + backOffMs(history.failures);
    vacant.push({ slot, attempt: (history?.attempts ?? 0) + 1, readyAtMs });
  }
  return vacant;
}

function create({ slot, attempt }: { readonly slot: number; readonly attempt: number }): GroupAction {
  return { kind: "create", slot, attempt };
}

/** A group that is removed takes its quarantined servers along, but for those that outlast it. */
function leftovers({ size, servers, replacing = [] }: GroupView): readonly SlotServer[] {
  if (size !== 0) return [];
  return servers.filter((s) => s.state === "quarantined" && !replacing.includes(s.id));
}

/**
 * All but the newest records, and all of a removed group. The newest record of a slot without a server stays too:
 * the next controller reads from it which attempt comes next.
 */
function surplusRecords(view: GroupView, live: readonly SlotServer[]): readonly SlotServer[] {
  const records = view.servers
    .filter((s) => s.state === "failed")
    .sort((a, b) => b.sinceMs - a.sinceMs || b.attempt - a.attempt);
  if (view.size === 0) return records;
  const taken = new Set(live.map((s) => s.slot));
  return records.slice(keptRecords).filter((record) => {
    const newer = records.some((r) => r.slot === record.slot && r.attempt > record.attempt);
    return taken.has(record.slot) || newer || record.slot > (view.size ?? 0);
  });
}
