import { digestOfEntry, type LogEntry, type LogMark } from "../../audit/entry.ts";
import type { KilnEvent, NewEvent } from "../../domain/event.ts";
import type { Clock } from "../../lib/time/clock.ts";
import type { Database } from "../sqlite/database.ts";
import { insertEvent, selectLast, toEvent } from "./events.ts";

/** Must not throw: the change that the event reports is already on the disk. */
export type EventListener = (event: KilnEvent) => void;

/**
 * The place where every change of state leaves its event, with the listeners. The class remembers where the log ended: when
 * it finds another end at its next write, another program has changed the log, and the log itself reports that from there on.
 */
export class EventLog {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #listeners = new Set<EventListener>();
  /** As it was written last, on the disk. */
  #end: LogMark;
  #dataVersion: number;
  /** The same within the present transaction. */
  #within: { readonly transaction: number; readonly end: LogMark } | undefined;

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#end = selectLast(db);
    this.#dataVersion = db.dataVersion();
  }

  /** Where the log is known to end. */
  get end(): LogMark {
    return this.#end;
  }

  /** The log is known to have gone as far as this: an end before it is a loss. */
  expect(mark: LogMark): void {
    if (mark.sequence > this.#end.sequence) this.#end = mark;
  }

  /** Adds the event to the present transaction. Listeners hear of it once that is on the disk. */
  append(event: NewEvent): KilnEvent {
    return this.appendAfter(() => event);
  }

  /** The same for an event about the one before it. */
  appendAfter(make: (last: LogMark) => NewEvent): KilnEvent {
    const last = this.#lastOfTransaction();
    return toEvent(this.#insert(make(last), last));
  }

  /** Looks for changes by others. Call it in a transaction. */
  look(): void {
    this.#lastOfTransaction();
  }

  subscribe(listener: EventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** At the first event of a transaction what is there is compared with what is remembered. */
  #lastOfTransaction(): LogMark {
    const transaction = this.#db.transactionNumber;
    if (this.#within?.transaction === transaction) return this.#within.end;
    // Before any listener hears of the events: it may begin a transaction of its own.
    this.#db.afterCommit(() => {
      this.#end = this.#within?.end ?? this.#end;
    });
    const end = this.#tellChanges();
    this.#within = { transaction, end };
    return end;
  }

  #tellChanges(): LogMark {
    const found = selectLast(this.#db);
    const version = this.#db.dataVersion();
    if (!isAt(found, this.#end)) return this.#tellBroken(found, version);
    if (version === this.#dataVersion) return this.#end;
    const message = "Another program has written to the state database while the controller ran.";
    this.#db.afterCommit(() => {
      this.#dataVersion = version;
    });
    return this.#insert({ service: undefined, kind: "audit.touched", message, data: {} }, this.#end);
  }

  /**
   * The new entry follows the remembered one, and its number is after all that are there: what was taken away stays missing, and
   * what was put there never becomes a part of the chain.
   */
  #tellBroken(found: LogMark, version: number): LogMark {
    const known = this.#end;
    const behind = { sequence: Math.max(known.sequence, found.sequence), digest: known.digest };
    const first =
      found.sequence > known.sequence ? known.sequence + 1 : Math.min(found.sequence + 1, known.sequence);
    const now = found.sequence === known.sequence ? "another one" : `entry ${found.sequence}`;
    const message = `The event log was changed by another program: its last entry was ${known.sequence}, and then ${now}.`;
    this.#db.afterCommit(() => {
      this.#dataVersion = version;
    });
    const data = { sequence: known.sequence, digest: known.digest, first };
    return this.#insert({ service: undefined, kind: "audit.broken", message, data }, behind);
  }

  #insert(event: NewEvent, last: LogMark): LogEntry {
    const entry = insertEvent(this.#db, event, this.#clock.now(), last);
    const { sequence, digest } = entry;
    this.#within = { transaction: this.#db.transactionNumber, end: { sequence, digest } };
    const added = toEvent(entry);
    this.#db.afterCommit(() => {
      for (const listener of this.#listeners) listener(added);
    });
    return entry;
  }
}

/** Whether the newest entry is the one of the mark, in its content too. */
function isAt(found: LogMark & { readonly entry?: LogEntry }, { sequence, digest }: LogMark): boolean {
  const { entry } = found;
  if (found.sequence !== sequence || found.digest !== digest) return false;
  return entry === undefined || digestOfEntry(entry) === digest;
}
