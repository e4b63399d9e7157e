import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { KilnError } from "../lib/errors.ts";
import type { LogEntry } from "./entry.ts";

/** Each read is a separate transaction, so that a long check does not keep the database from cleaning up. */
const entriesAtOnce = 5_000;

const busyTimeoutMs = 5_000;

/**
 * All entries of a state database in their order, read without changing anything, also while a controller writes; none
 * without a database. Throws `state_corrupt` at the first entry that cannot be read.
 */
export function* readEntries(path: string): Generator<LogEntry> {
  if (!existsSync(path)) return;
  try {
    using connection = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
    const part = connection.prepare("SELECT * FROM events WHERE sequence >= ? ORDER BY sequence LIMIT ?");
    let next: number | bigint = -(2n ** 63n);
    for (;;) {
      let count = 0;
      for (const row of part.iterate(next, entriesAtOnce)) {
        const entry = row as unknown as LogEntry;
        yield entry;
        next = entry.sequence + 1;
        count += 1;
      }
      if (count < entriesAtOnce) return;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): KilnError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new KilnError("state_corrupt", `The event log in ${path} cannot be read any further: ${detail}.`, {
    hint: "Running servers are not touched. Restore the database from a backup.",
    cause,
  });
}
