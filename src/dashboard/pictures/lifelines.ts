import type { Answer } from "../../api/contract/types.ts";

type KilnEvent = Answer<"events">;

/** A part of a server's life in one state. Without an end, it is still in it. */
export interface Span {
  readonly state: "starting" | "ready" | "unready" | "draining" | "quarantined";
  readonly fromMs: number;
  readonly toMs: number | undefined;
}

export interface Lifeline {
  readonly server: string;
  readonly release: number | undefined;
  readonly spans: readonly Span[];
}

const begins: Readonly<Record<string, Span["state"]>> = {
  "server.started": "starting",
  "server.ready": "ready",
  "server.unready": "unready",
  "server.draining": "draining",
  "server.quarantined": "quarantined",
};
const ends = new Set(["server.destroyed", "server.failed", "server.discarded"]);

/** The life of each server that the events speak of and that was there after `fromMs`, in the order in which they come up. */
export function lifelinesOf(events: readonly KilnEvent[], fromMs = 0): readonly Lifeline[] {
  const lines = new Map<string, { release: number | undefined; spans: Span[] }>();
  for (const { kind, atMs, data } of events) {
    const state = begins[kind];
    if (typeof data.server !== "string" || (state === undefined && !ends.has(kind))) continue;
    const line = lines.get(data.server) ?? { release: undefined, spans: [] };
    lines.set(data.server, line);
    if (typeof data.release === "number") line.release = data.release;
    const last = line.spans.at(-1);
    if (last !== undefined && last.toMs === undefined)
      line.spans[line.spans.length - 1] = { ...last, toMs: atMs };
    if (state !== undefined) line.spans.push({ state, fromMs: atMs, toMs: undefined });
  }
  return [...lines]
    .map(([server, { release, spans }]) => ({
      ...{ server, release },
      spans: spans.filter(({ toMs = Number.POSITIVE_INFINITY }) => toMs > fromMs),
    }))
    .filter(({ spans }) => spans.length > 0);
}
