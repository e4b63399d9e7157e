import { createHash } from "node:crypto";
import type { KilnEvent, NewEvent } from "../domain/event.ts";
import type { ServiceKey } from "../domain/ids.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { Database } from "./database.ts";

/** What the first event names as the digest of the one before it. */
const genesisDigest = `sha256:${"0".repeat(64)}`;

const mostEvents = 1_000;

interface EventRow {
  readonly sequence: number;
  readonly at_ms: number;
  readonly service: string | null;
  readonly kind: string;
  readonly message: string;
  readonly data: string;
  readonly previous: string;
  readonly digest: string;
}

export interface EventQuery {
  /** Events with a higher sequence number; all without it. */
  readonly after?: number;
  readonly service?: ServiceKey;
  /** Of those, only so many of the newest. */
  readonly newest?: number;
  /** Of those, only so many of the oldest; 1,000 when neither this nor `newest` is given. */
  readonly limit?: number;
}

/** Adds an event at the end of the chain. Call it in the transaction of the change that it tells of. */
export function insertEvent(db: Database, event: NewEvent, atMs: number): KilnEvent {
  const last = db.get<Pick<EventRow, "sequence" | "digest">>(
    "SELECT sequence, digest FROM events ORDER BY sequence DESC LIMIT 1",
  );
  const previous = last?.digest ?? genesisDigest;
  const row = {
    sequence: (last?.sequence ?? 0) + 1,
    at_ms: atMs,
    service: event.service ?? null,
    kind: event.kind,
    message: event.message,
    data: canonicalJson(event.data),
    previous,
  };
  const { sequence, at_ms, service, kind, message, data } = row;
  db.run(
    "INSERT INTO events (sequence, at_ms, service, kind, message, data, previous, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ...[sequence, at_ms, service, kind, message, data, previous, digestOf(row)],
  );
  return toEvent({ ...row, digest: "" });
}

/** Oldest first. */
export function selectEvents(db: Database, query: EventQuery): readonly KilnEvent[] {
  const { after = 0, service, newest, limit = mostEvents } = query;
  const where = `sequence > ? AND ${service === undefined ? "? IS NULL" : "service = ?"}`;
  const values = [after, service ?? null, newest ?? limit];
  const rows =
    newest === undefined
      ? db.all<EventRow>(`SELECT * FROM events WHERE ${where} ORDER BY sequence LIMIT ?`, ...values)
      : db
          .all<EventRow>(`SELECT * FROM events WHERE ${where} ORDER BY sequence DESC LIMIT ?`, ...values)
          .toReversed();
  return rows.map(toEvent);
}

/** The sequence number of the newest event; 0 when there is none. */
export function selectLastSequence(db: Database): number {
  return db.get<{ readonly last: number | null }>("SELECT max(sequence) AS last FROM events")?.last ?? 0;
}

/**
 * The sequence number of the first event that is not what was written, or undefined when the chain holds. Events
 * cut off at the end cannot be seen from the log alone: compare the last digest with one kept elsewhere.
 */
export function firstBadEvent(db: Database): number | undefined {
  let expected = { sequence: 1, previous: genesisDigest };
  for (const row of db.each<EventRow>("SELECT * FROM events ORDER BY sequence")) {
    const holds =
      row.sequence === expected.sequence &&
      row.previous === expected.previous &&
      row.digest === digestOf(row);
    if (!holds) return expected.sequence;
    expected = { sequence: row.sequence + 1, previous: row.digest };
  }
  return undefined;
}

/** The digest covers everything that is stored of an event, and through `previous` all events before it. */
function digestOf(row: Omit<EventRow, "digest">): string {
  const { sequence, at_ms, service, kind, message, data, previous } = row;
  const text = canonicalJson({ sequence, at_ms, service, kind, message, data, previous });
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

function toEvent(row: EventRow): KilnEvent {
  return {
    sequence: row.sequence,
    atMs: row.at_ms,
    service: row.service ?? undefined,
    kind: row.kind,
    message: row.message,
    data: JSON.parse(row.data) as Readonly<Record<string, unknown>>,
  };
}
