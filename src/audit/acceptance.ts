import { type Actor, actorName } from "../domain/access/actor.ts";
import { dataOf, type LogEntry } from "./entry.ts";

/**
 * What an `audit.accepted` entry records, signed: a person knows these findings and has given the reason. A program that
 * can write to the database but not sign cannot accept anything.
 */
export interface Acceptance {
  readonly actor: Actor;
  readonly reason: string;
  /** Ids of findings. */
  readonly breaks: readonly string[];
  /** The entry of the first finding; absent without findings, when other programs had only written to the database. */
  readonly first?: number;
  /** The last entry that was checked for it. */
  readonly upTo: number;
}

/** An acceptance as recorded in the log. */
export interface RecordedAcceptance extends Omit<Acceptance, "actor"> {
  /** Who accepted: in an entry of an older Kiln what its asker stated, `user@machine`. */
  readonly by: string;
  readonly sequence: number;
  /** Unix time in ms. */
  readonly atMs: number;
}

/** The acceptance that this entry records, or undefined when it records none. */
export function acceptanceIn(
  entry: Pick<LogEntry, "kind" | "data" | "sequence" | "at_ms">,
): RecordedAcceptance | undefined {
  if (entry.kind !== "audit.accepted") return undefined;
  const { actor, by, reason, breaks, first, upTo } = (dataOf(entry) ?? {}) as Recorded;
  const name = isActor(actor) ? actorName(actor) : by;
  if (typeof name !== "string" || typeof reason !== "string" || typeof upTo !== "number") return undefined;
  if (!Array.isArray(breaks)) return undefined;
  const place = typeof first === "number" ? { first } : {};
  return { by: name, reason, breaks, upTo, ...place, sequence: entry.sequence, atMs: entry.at_ms };
}

/** What an entry holds; an older Kiln wrote `by` in place of the actor. */
type Recorded = Partial<Acceptance & { readonly by: string }>;

function isActor(actor: Actor | undefined): actor is Actor {
  return typeof actor === "object" && actor !== null && typeof actor.name === "string";
}
