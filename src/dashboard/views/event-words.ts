import type { Answer } from "../../api/contract/types.ts";
import type { Tone } from "../words.ts";

type KilnEvent = Answer<"events">;

/** What people did, what went wrong, what moved; the rest is quiet. */
export function toneOf(kind: string): Tone {
  if (/^(drift\.(found|object|suspended)|server\.(tainted|quarantined)|exec\.|evidence\.)/.test(kind))
    return "drift";
  if (/(failed|rolled-back|turned-back|broken|touched|missing)$/.test(kind)) return "bad";
  if (/(unready|paused|warned|removing|unprotected|gap|skipped|missed)$/.test(kind)) return "warn";
  if (/(completed|ready|succeeded)$/.test(kind)) return "good";
  return /^(rollout|job|service|release|volume|secret|target|trust)\./.test(kind) ? "moving" : "quiet";
}

/** The controller's own steps: they are left out unless someone asks for them. */
export function isDetail({ kind }: Pick<KilnEvent, "kind">): boolean {
  return /^(action|audit\.checkpoint|rollout\.progress|release\.(cold|pruned)|clock|drift\.tier)/.test(kind);
}

/** Of the analyses of a rollout that follow each other, the last says all. Oldest first. */
export function withoutRepeats<E extends Pick<KilnEvent, "kind" | "data">>(
  events: readonly E[],
): readonly E[] {
  const isJudged = ({ kind }: E) => kind === "rollout.judged";
  return events.filter((event, n) => {
    if (!isJudged(event)) return true;
    const next = events.slice(n + 1).find(({ data }) => data.rollout === event.data.rollout);
    return next === undefined || !isJudged(next);
  });
}

/** Who asked for it, as the log has it; undefined for what the controller did itself. */
export function actorOf({ data }: Pick<KilnEvent, "data">): string | undefined {
  const { actor, by } = data;
  if (typeof by === "string") return by;
  return typeof actor === "object" && actor !== null && "name" in actor ? String(actor.name) : undefined;
}

/** What each filter lets through. */
export const filters = {
  everything: () => true,
  people: (event: KilnEvent) => actorOf(event) !== undefined,
  rollouts: ({ kind }: KilnEvent) => /^(rollout|release)\./.test(kind),
  servers: ({ kind }: KilnEvent) => kind.startsWith("server."),
  drift: ({ kind }: KilnEvent) => toneOf(kind) === "drift",
  trouble: ({ kind }: KilnEvent) => ["bad", "warn"].includes(toneOf(kind)),
} as const;

export type Filter = keyof typeof filters;
