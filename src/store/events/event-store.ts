import type { ChainFinding } from "../../audit/chain-check.ts";
import type { Checkpoint } from "../../audit/checkpoint.ts";
import type { LogMark } from "../../audit/entry.ts";
import type { Replayed } from "../../audit/replay.ts";
import type { KilnEvent, NewEvent } from "../../domain/event.ts";
import type { Workbench } from "../workbench.ts";
import type { EventListener } from "./event-log.ts";
import {
  checkChain,
  checkTail,
  type EventQuery,
  selectAudit,
  selectEvents,
  selectLast,
  selectNewestAudit,
} from "./events.ts";

/** The event log itself: its chain, and what it reports of itself. */
export interface LogOfStore {
  /** Where it is known to end. */
  end(): LogMark;
  /** The log is known to reach at least this entry: an earlier end is reported as a loss. */
  expect(mark: LogMark): void;
  /** Looks whether another program has changed it; then the log records that as an event. */
  look(): void;
  /** Adds an event that is made from the place of the one before it. */
  appendAfter(make: (last: LogMark) => NewEvent): KilnEvent;
  /** The newest event of a kind `audit....`. */
  newest(kind: `audit.${string}`): KilnEvent | undefined;
  /** All of them, oldest first. */
  all(kind: `audit.${string}`): readonly KilnEvent[];
  /** The first entry that was altered; undefined when the chain holds. */
  check(): ChainFinding | undefined;
  /** What the newest `count` entries alone show, with checkpoints for them. */
  checkTail(count: number, checkpoints: readonly Checkpoint[]): Replayed;
}

/** The event log. */
export interface EventStore {
  /** For what happened outside the recorded state. */
  appendEvent(event: NewEvent): KilnEvent;
  /** Oldest first. */
  events(query?: EventQuery): readonly KilnEvent[];
  /** The sequence number of the newest event; 0 when there is none. */
  lastSequence(): number;
  /** Calls the listener with every event once it is on the disk, until disposed. */
  subscribe(listener: EventListener): Disposable;
  readonly log: LogOfStore;
}

export function eventStore({ db, log }: Workbench): EventStore {
  return {
    appendEvent: (event) => db.transaction(() => log.append(event)),
    events: (query = {}) => selectEvents(db, query),
    lastSequence: () => selectLast(db).sequence,
    subscribe: (listener) => log.subscribe(listener),
    log: {
      end: () => log.end,
      expect: (mark) => log.expect(mark),
      look: () => db.transaction(() => log.look()),
      appendAfter: (make) => db.transaction(() => log.appendAfter(make)),
      newest: (kind) => selectNewestAudit(db, kind),
      all: (kind) => selectAudit(db, kind),
      check: () => checkChain(db),
      checkTail: (count, checkpoints) => checkTail(db, count, checkpoints),
    },
  };
}
