import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { GitSource } from "../../domain/source.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import type { Workbench } from "../workbench.ts";
import { findSource, requireSource } from "./rows.ts";

/**
 * From now on nothing is deployed from the repository of this service, if it follows one: git must not undo what someone did. Nothing
 * happens where git itself did it. Call it in the transaction of what that one did.
 */
export function holdSource(bench: Workbench, service: ServiceKey, by: Asker, because: string): void {
  const { db, log, clock } = bench;
  const source = findSource(db, service);
  if (source === undefined || source.hold !== undefined || by.actor.via === "source") return;
  const hold = { sinceMs: clock.now(), by: askerName(by), because };
  db.run("UPDATE sources SET hold = ?, failing = NULL WHERE service = ?", JSON.stringify(hold), service);
  log.append({
    service,
    kind: "source.held",
    message: `${service} does not follow its repository until someone resumes it: ${askerName(by)} ${because}${why(by)}`,
    data: { because, ...askerData(by) },
  });
}

/** Throws `source_held`, or `source_unknown`, for a deploy from a repository that the service does not follow now. */
export function requireFollowing(db: Database, service: ServiceKey, { actor }: Asker): void {
  if (actor.via !== "source") return;
  requireNoHold(requireSource(db, service));
}

/** Throws `source_held`. */
export function requireNoHold({ service, hold }: GitSource): void {
  if (hold === undefined) return;
  throw new KilnError(
    "source_held",
    `${service} does not follow its repository: ${hold.by} ${hold.because}.`,
    {
      hint: `\`kiln source resume ${service}\` lets it follow again.`,
    },
  );
}
