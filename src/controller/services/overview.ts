import type { Answer, Asked } from "../../api/contract/types.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { KilnError } from "../../lib/errors.ts";
import type { ServerStatus, ServiceStatus } from "../operations.ts";

type Overview = Answer<"overview">;
type Row = Overview["services"][number];
export type Attention = Row["attention"];

/** A service as it is now, and its newest rollout. */
export interface Seen {
  readonly status: ServiceStatus;
  readonly last: Rollout | undefined;
}

/** A rollout that failed asks for attention for a day, or until the next one. */
const failedForMs = 24 * 3_600_000;

const rowsOfPage = 200;

/** Worst first. */
export const attentions = [
  ...(["broken", "failed", "drifted", "stuck", "waiting", "moving", "warned", "steady"] as const),
] satisfies readonly Attention[];

/** One page of all services, worst first, then by name. Throws `usage` for a cursor that no page gave. */
export function overviewOf(
  services: readonly Seen[],
  { q = "", cursor, limit = rowsOfPage }: Asked<"overview">,
  nowMs: number,
): Overview {
  const rows = services.map((seen) => rowOf(seen, nowMs));
  const found = rows.filter(({ service }) => service.includes(q)).sort(byAttention);
  const begin = cursor === undefined ? 0 : beginAfter(found, cursor);
  const page = found.slice(begin, begin + limit);
  const last = page.at(-1);
  const more = last !== undefined && begin + page.length < found.length;
  return {
    total: found.length,
    counts: Object.fromEntries(
      attentions.map((attention) => [attention, found.filter((row) => row.attention === attention).length]),
    ) as Overview["counts"],
    services: page,
    next: more ? `${attentions.indexOf(last.attention)}.${last.service}` : undefined,
  };
}

function byAttention(a: Pick<Row, "attention" | "service">, b: Pick<Row, "attention" | "service">): number {
  const rank = attentions.indexOf(a.attention) - attentions.indexOf(b.attention);
  if (rank !== 0 || a.service === b.service) return rank;
  return a.service < b.service ? -1 : 1;
}

/** A cursor is the place of a row, which need not be there any more: `1.shop`. */
function beginAfter(rows: readonly Row[], cursor: string): number {
  const [, rank = "", service = ""] = /^(\d)\.(.+)$/.exec(cursor) ?? [];
  const attention = attentions[Number(rank)];
  if (rank === "" || attention === undefined) {
    throw new KilnError("usage", `${cursor} is not a cursor.`, {
      hint: "Send what `next` of the page before was, or nothing for the first page.",
    });
  }
  return rows.filter((row) => byAttention(row, { attention, service }) <= 0).length;
}

function rowOf({ status, last }: Seen, nowMs: number): Row {
  const { service, target, count, serving, rollout, servers } = status;
  const { attention, why } = attentionOf({ status, last }, nowMs);
  const states = servers.map((server) => wordFor(server, status));
  const step = rollout?.steps[rollout.step];
  const done = last !== undefined && last.to === serving?.number && last.phase === "complete";
  return {
    ...{ service, target: target.name, attention, why, count },
    servers: [...new Set(states)].map((state) => ({
      state,
      number: states.filter((other) => other === state).length,
    })),
    drifted: servers.filter(({ taint }) => taint !== undefined).length,
    serving: serving && {
      ...{ release: serving.number, version: serving.version },
      sinceMs: done ? (last.endedAtMs ?? serving.createdAtMs) : serving.createdAtMs,
      by: done ? last.startedBy : serving.createdBy,
    },
    rollout: rollout && {
      ...{ id: rollout.id, kind: rollout.kind, to: rollout.to, phase: rollout.phase, by: rollout.startedBy },
      ...{ step: rollout.step + 1, steps: rollout.steps.length, share: step?.share ?? 1 },
    },
  };
}

/** Servers that are only kept for a rollback have a word of their own. */
function wordFor({ state, release }: ServerStatus, { warm }: ServiceStatus): Row["servers"][number]["state"] {
  return state === "ready" && warm.some((kept) => kept.release === release) ? "warm" : state;
}

type Judged = Pick<Row, "attention" | "why">;

/** The worst that is the case, and one sentence about it. */
function attentionOf({ status, last }: Seen, nowMs: number): Judged {
  const { serving, count, servers, target, trouble, rollout, removing, warnings } = status;
  const tainted = servers.find(({ taint }) => taint !== undefined);
  const isWorking = servers.some(({ inTraffic, state }) => inTraffic && state === "ready");
  if (serving !== undefined && count > 0 && !isWorking && target.trouble === undefined && !removing) {
    return { attention: "broken", why: `No server of release ${serving.number} is ready.` };
  }
  if (hasFailed(last, nowMs)) {
    const how = last?.phase === "failed" ? "failed" : "rolled back";
    return {
      attention: "failed",
      why: `Rollout ${last?.id} ${how}: ${last?.reason ?? "no reason is known"}`,
    };
  }
  if (tainted !== undefined) return { attention: "drifted", why: tainted.taint?.finding.detail };
  const held = target.trouble ?? trouble;
  if (held !== undefined) return { attention: "stuck", why: held.message };
  if (rollout?.phase === "paused") return { attention: "waiting", why: rollout.reason ?? "It is paused." };
  if (removing) return { attention: "moving", why: "It is being removed." };
  if (rollout !== undefined) return { attention: "moving", why: journey(rollout) };
  const [warning] = warnings;
  return warning === undefined
    ? { attention: "steady", why: undefined }
    : { attention: "warned", why: warning.message };
}

function hasFailed(last: Rollout | undefined, nowMs: number): boolean {
  if (last === undefined || (last.phase !== "failed" && last.phase !== "rolled-back")) return false;
  return nowMs - (last.endedAtMs ?? nowMs) < failedForMs;
}

function journey({ phase, from, to, step, steps }: Rollout): string {
  if (phase === "back") return from === undefined ? "It goes back." : `It goes back to release ${from}.`;
  return `Release ${to} comes: step ${step + 1} of ${steps.length}.`;
}
