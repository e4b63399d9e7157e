import { dataOf, type Entry } from "./entry.ts";

/**
 * What an `audit.accepted` entry records, signed: a person knows these findings and has given the reason. A program that
 * can write to the database but not sign cannot accept anything.
 */
export interface Acceptance {
  /** `user@machine`. */
  readonly by: string;
  readonly reason: string;
  /** Ids of findings. */
  readonly breaks: readonly string[];
  /** The entry of the first finding; absent without findings, when other programs had only written to the database. */
  readonly first?: number;
  /** The last entry that was checked for it. */
  readonly upTo: number;
}

/** An acceptance as recorded in the log. */
export interface RecordedAcceptance extends Acceptance {
  readonly sequence: number;
  /** Unix time in ms. */
  readonly atMs: number;
}

/** The acceptance that this entry records, or undefined when it records none. */
export function acceptanceIn(
  entry: Pick<Entry, "kind" | "data" | "sequence" | "at_ms">,
): RecordedAcceptance | undefined {
  if (entry.kind !== "audit.accepted") return undefined;
  const { by, reason, breaks, first, upTo } = (dataOf(entry) ?? {}) as Partial<Acceptance>;
  if (typeof by !== "string" || typeof reason !== "string" || typeof upTo !== "number") return undefined;
  if (!Array.isArray(breaks)) return undefined;
  const place = typeof first === "number" ? { first } : {};
  return { by, reason, breaks, upTo, ...place, sequence: entry.sequence, atMs: entry.at_ms };
}
