import type { Clock } from "../lib/clock.ts";
import type { Database } from "./database.ts";
import type { EventLog } from "./event-log.ts";

/** What the functions that change the state have in hand. Call them inside a transaction. */
export interface Workbench {
  readonly db: Database;
  readonly log: EventLog;
  readonly clock: Clock;
}
