import type { NewEvent } from "../../domain/event.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import { selectFailures } from "../rollouts/failures.ts";
import type { Workbench } from "../workbench.ts";
import { recordFailure, recordServers } from "./manage.ts";

/** What was noticed of servers. */
export interface ServerStore {
  /** Keeps the newest 20 of each release. A failure that is already known changes nothing. */
  recordFailure(service: ServiceKey, failure: ServerFailure): void;
  /** What was noticed of servers since the last look, in one transaction. */
  recordServers(news: readonly NewEvent[], failures: readonly (readonly [ServiceKey, ServerFailure])[]): void;
  /** Of one release, or of all that are kept; oldest first. */
  failures(service: ServiceKey, release?: number): readonly ServerFailure[];
}

export function serverStore(bench: Workbench): ServerStore {
  const { db } = bench;
  return {
    recordFailure: (service, failure) => db.transaction(() => recordFailure(bench, service, failure)),
    recordServers: (news, failures) => db.transaction(() => recordServers(bench, news, failures)),
    failures: (service, release) => selectFailures(db, service, release),
  };
}
