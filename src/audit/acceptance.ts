import { dataOf, type Entry } from "./entry.ts";

/**
 * What an `audit.accepted` entry records, signed: somebody knows of these places, and has said why they are as they are. Who
 * can write to the database, but not sign, accepts nothing.
 */
export interface Acceptance {
  /** `user@machine`. */
  readonly by: string;
  readonly reason: string;
  /** Ids of findings. */
  readonly breaks: readonly string[];
  /** Where the first of them was; absent where there was none, and others had only written to the database. */
  readonly first?: number;
  /** The last entry that was looked at for it. */
  readonly upTo: number;
}

/** An acceptance as it stands in the log. */
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
