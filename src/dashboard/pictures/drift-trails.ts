import type { Answer } from "../../api/contract/types.ts";
import type { Axis } from "./axis.ts";

type KilnEvent = Answer<"events">;

/** What happened to a server that was entered or changed. */
export interface Trail {
  readonly server: string;
  readonly service: string | undefined;
  /** When someone was in it. Without an end, someone still is. */
  readonly sessions: readonly Session[];
  readonly marks: readonly Mark[];
}

export interface Session {
  readonly fromMs: number;
  readonly toMs: number | undefined;
  readonly who: string;
}

export interface Mark {
  readonly kind: "found" | "taken" | "kept" | "replaced" | "gone";
  readonly atMs: number;
  /** The log's own sentence. */
  readonly message: string;
}

const kinds: Readonly<Record<string, Mark["kind"]>> = {
  "drift.found": "found",
  "server.draining": "taken",
  "server.quarantined": "taken",
  "evidence.kept": "kept",
  "server.discarded": "gone",
  "server.destroyed": "gone",
};

interface Growing {
  service: string | undefined;
  readonly sessions: (Session & { readonly id: unknown })[];
  readonly marks: Mark[];
}

/** One trail for each server that someone was in or that differed from its release, the newest first. */
export function trailsOf(events: readonly KilnEvent[]): readonly Trail[] {
  const trails = new Map<string, Growing>();
  for (const event of events) {
    const begun = event.kind === "exec.started" || event.kind === "drift.found";
    const { server, takesPlaceOf } = event.data;
    if (typeof server === "string") note(trails, server, event, begun);
    const former = typeof takesPlaceOf === "string" ? trails.get(takesPlaceOf) : undefined;
    if (event.kind === "server.ready" && former !== undefined) mark(former, "replaced", event);
  }
  return [...trails]
    .map(([server, { service, sessions, marks }]) => ({
      ...{ server, service, marks },
      sessions: sessions.map(({ id: _, ...session }) => session),
    }))
    .toReversed();
}

function note(trails: Map<string, Growing>, server: string, event: KilnEvent, begun: boolean): void {
  const known = trails.get(server);
  if (known === undefined && !begun) return;
  const trail = known ?? { service: event.service, sessions: [], marks: [] };
  trails.set(server, trail);
  const { kind, atMs, data } = event;
  if (kind === "exec.started")
    trail.sessions.push({ fromMs: atMs, toMs: undefined, who: nameOf(data.actor), id: data.session });
  if (kind === "exec.ended") {
    const open = trail.sessions.findLastIndex(({ id }) => id === data.session);
    const session = trail.sessions[open];
    if (session !== undefined) trail.sessions[open] = { ...session, toMs: atMs };
  }
  const meaning = kinds[kind];
  if (meaning !== undefined) mark(trail, meaning, event);
}

/** Only what differs counts as often as it happens. */
function mark({ marks }: Growing, kind: Mark["kind"], { atMs, message }: KilnEvent): void {
  if (kind !== "found" && marks.some((earlier) => earlier.kind === kind)) return;
  marks.push({ kind, atMs, message });
}

function nameOf(actor: unknown): string {
  return typeof actor === "object" && actor !== null && "name" in actor ? String(actor.name) : "someone";
}

/** From a little before the first thing to the last moment that is known of any trail that is still open. */
export function periodOf(trails: readonly Trail[], nowMs: number): Axis {
  const moments = trails.flatMap(({ sessions, marks }) => [
    ...sessions.flatMap(({ fromMs, toMs = nowMs }) => [fromMs, toMs]),
    ...marks.map(({ atMs }) => atMs),
  ]);
  const first = Math.min(...moments);
  const last = Math.max(...moments);
  const margin = Math.max(30_000, (last - first) * 0.08);
  return { fromMs: first - margin, untilMs: last + margin };
}

/** Of the axis: what is closer together stands side by side, in its order. */
const closeShare = 0.02;

/** Each mark with the moment at which it stands, and how many places away from it: below 0 is to the left. */
export function spread(
  marks: readonly Mark[],
  { fromMs, untilMs }: Axis,
): readonly { readonly mark: Mark; readonly atMs: number; readonly away: number }[] {
  const heaps: Mark[][] = [];
  for (const mark of marks.toSorted((a, b) => a.atMs - b.atMs)) {
    const heap = heaps.at(-1);
    const isClose = mark.atMs - (heap?.[0]?.atMs ?? 0) < closeShare * (untilMs - fromMs);
    if (heap !== undefined && isClose) heap.push(mark);
    else heaps.push([mark]);
  }
  return heaps.flatMap((heap) =>
    heap.map((mark, n) => ({
      mark,
      atMs: heap[0]?.atMs ?? mark.atMs,
      away: n - (heap.length - 1) / 2,
    })),
  );
}
