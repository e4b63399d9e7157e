import type { Clock } from "../lib/time/clock.ts";
import type { EventLog } from "./events/event-log.ts";
import type { Database } from "./sqlite/database.ts";

/** What the functions that change the state have in hand. Call them inside a transaction. */
export interface Workbench {
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: Clock;
}
