import { ChainCheck, type ChainFinding } from "../../audit/chain-check.ts";
import type { Checkpoint } from "../../audit/checkpoint.ts";
import { digestOfEntry, genesis, type LogEntry, type LogMark } from "../../audit/entry.ts";
import { type AnnouncedKey, KeyRing } from "../../audit/key-ring.ts";
import { Replay, type Replayed } from "../../audit/replay.ts";
import type { KilnEvent, NewEvent } from "../../domain/event.ts";
import type { ServerId, ServiceKey } from "../../domain/ids.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";

const mostEvents = 1_000;

export interface EventQuery {
  /** Events with a higher sequence number; all without it. */
  readonly after?: number | undefined;
  /** Not those before this time (Unix time in ms). */
  readonly sinceMs?: number | undefined;
  readonly service?: ServiceKey | undefined;
  readonly server?: ServerId | undefined;
  /** Only events about this rollout. */
  readonly rollout?: number | undefined;
  /** Only events of these kinds. */
  readonly kinds?: readonly string[] | undefined;
  /** Of those, only so many of the newest. */
  readonly newest?: number | undefined;
  /** Of those, only so many of the oldest; 1,000 when neither this nor `newest` is given. */
  readonly limit?: number | undefined;
}

/** Adds an event after `last`, the end of the chain. Call it in the transaction of the change that it reports. */
export function insertEvent(db: Database, event: NewEvent, atMs: number, last: LogMark): LogEntry {
  const row = {
    sequence: last.sequence + 1,
    at_ms: atMs,
    service: event.service ?? null,
    kind: event.kind,
    message: event.message.toWellFormed(),
    data: canonicalJson(event.data),
    previous: last.digest,
  };
  const entry: LogEntry = { ...row, digest: digestOfEntry(row) };
  const { sequence, at_ms, service, kind, message, data, previous, digest } = entry;
  db.run(
    "INSERT INTO events (sequence, at_ms, service, kind, message, data, previous, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ...[sequence, at_ms, service, kind, message, data, previous, digest],
  );
  return entry;
}

/** Oldest first. */
export function selectEvents(db: Database, query: EventQuery): readonly KilnEvent[] {
  const { newest, limit = mostEvents } = query;
  const { where, values } = conditions(db, query);
  const rows =
    newest === undefined
      ? db.all<LogEntry>(`SELECT * FROM events WHERE ${where} ORDER BY sequence LIMIT ?`, ...values, limit)
      : db
          .all<LogEntry>(
            `SELECT * FROM events WHERE ${where} ORDER BY sequence DESC LIMIT ?`,
            ...values,
            newest,
          )
          .toReversed();
  return rows.map(toEvent);
}

function conditions(
  db: Database,
  { after = 0, sinceMs, server, service, rollout, kinds }: EventQuery,
): { readonly where: string; readonly values: readonly (string | number)[] } {
  const first = sinceMs === undefined ? 0 : sequenceAt(db, sinceMs) - 1;
  const parts: readonly { readonly where: string; readonly values: readonly (string | number)[] }[] = [
    { where: "sequence > ?", values: [Math.max(after, first)] },
    ...(service === undefined ? [] : [{ where: "service = ?", values: [service] }]),
    ...(server === undefined ? [] : [{ where: "data ->> '$.server' = ?", values: [server] }]),
    ...(rollout === undefined ? [] : [{ where: "data ->> '$.rollout' = ?", values: [rollout] }]),
    ...(kinds === undefined
      ? []
      : [{ where: `kind IN (${kinds.map(() => "?").join(", ")})`, values: kinds }]),
  ];
  return {
    where: parts.map((part) => part.where).join(" AND "),
    values: parts.flatMap((part) => part.values),
  };
}

/**
 * The sequence number of the first event of this time or later, found by halves: time has no index. A clock that was
 * set back makes it one that is near.
 */
function sequenceAt(db: Database, atMs: number): number {
  let low = 1;
  let high = selectLast(db).sequence + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const event = db.get<Pick<LogEntry, "at_ms">>(
      "SELECT at_ms FROM events WHERE sequence >= ? LIMIT 1",
      middle,
    );
    if (event !== undefined && event.at_ms < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The newest entry; where there is none, what stands for the one before the first. */
export function selectLast(db: Database): LogMark & { readonly entry?: LogEntry } {
  const entry = db.get<LogEntry>("SELECT * FROM events ORDER BY sequence DESC LIMIT 1");
  return entry === undefined ? genesis : { sequence: entry.sequence, digest: entry.digest, entry };
}

/** The condition is that of their index, word for word. */
const ofTheLogItself = "kind GLOB 'audit.*'";

/** The newest event of a kind `audit....`; such events are about the log itself. */
export function selectNewestAudit(db: Database, kind: `audit.${string}`): KilnEvent | undefined {
  const row = db.get<LogEntry>(
    `SELECT * FROM events WHERE ${ofTheLogItself} AND kind = ? ORDER BY sequence DESC LIMIT 1`,
    kind,
  );
  return row && toEvent(row);
}

/** All events of a kind `audit....`, oldest first. */
export function selectAudit(db: Database, kind: `audit.${string}`): readonly KilnEvent[] {
  const rows = db.all<LogEntry>(
    `SELECT * FROM events WHERE ${ofTheLogItself} AND kind = ? ORDER BY sequence`,
    kind,
  );
  return rows.map(toEvent);
}

/** The first entry that was altered, or undefined when the chain holds. */
export function checkChain(db: Database): ChainFinding | undefined {
  const check = new ChainCheck();
  for (const entry of db.each<LogEntry>("SELECT * FROM events ORDER BY sequence")) {
    const [finding] = check.add(entry);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/**
 * The newest `count` entries alone, with checkpoints for them. Keys are taken as the log announces them: only the whole
 * log shows whether each key is vouched for.
 */
export function checkTail(db: Database, count: number, checkpoints: readonly Checkpoint[]): Replayed {
  const wanted = selectLast(db).sequence - count;
  // It may be missing: then the gap is seen from the one before.
  const from = db.get<LogEntry>(
    "SELECT * FROM events WHERE sequence BETWEEN 1 AND ? ORDER BY sequence DESC LIMIT 1",
    wanted,
  );
  const after = from?.sequence ?? 0;
  const rows = db.each<LogEntry>("SELECT * FROM events WHERE sequence > ? ORDER BY sequence", after);
  const announced = announcedKeys(db);
  const known = announced.filter(({ sequence }) => sequence <= after).map(({ key }) => key);
  const keys = new KeyRing(
    announced.map(({ key }) => key.keyId),
    known,
  );
  const check = new ChainCheck({ keys, checkpoints, ...(from === undefined ? {} : { from }) });
  const replay = new Replay(check);
  for (const entry of rows) replay.add(entry);
  return replay.end();
}

function announcedKeys(db: Database): readonly { readonly sequence: number; readonly key: AnnouncedKey }[] {
  return selectAudit(db, "audit.key").map(({ sequence, data }) => {
    return { sequence, key: data as unknown as AnnouncedKey };
  });
}

export function toEvent(row: LogEntry): KilnEvent {
  return {
    sequence: row.sequence,
    atMs: row.at_ms,
    service: row.service ?? undefined,
    kind: row.kind,
    message: row.message,
    data: JSON.parse(row.data),
  };
}
