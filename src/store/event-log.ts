import type { KilnEvent, NewEvent } from "../domain/event.ts";
import type { Clock } from "../lib/clock.ts";
import type { Database } from "./database.ts";
import { insertEvent } from "./events.ts";

/** Must not throw: the change that the event tells of is already on the disk. */
export type EventListener = (event: KilnEvent) => void;

/** Where every change of state leaves its event, and who hears of it. */
export class EventLog {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #listeners = new Set<EventListener>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Adds the event to the present transaction. Listeners hear of it once that is on the disk. */
  append(event: NewEvent): void {
    const added = insertEvent(this.#db, event, this.#clock.now());
    this.#db.afterCommit(() => {
      for (const listener of this.#listeners) listener(added);
    });
  }

  subscribe(listener: EventListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
