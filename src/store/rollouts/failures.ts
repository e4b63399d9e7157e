import type { ServiceKey } from "../../domain/ids.ts";
import type { ServerFailure } from "../../domain/observation.ts";
import { serverFailure } from "../../domain/schema/observation.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";

const readFailure = jsonColumn("failures.failure", serverFailure);

const keptPerRelease = 20;

/**
 * Keeps a failure with its release, the newest 20 of each. False when it is already there; also when the release is
 * no longer kept.
 */
export function insertFailure(db: Database, service: ServiceKey, failure: ServerFailure): boolean {
  const { release } = failure;
  const { changes } = db.run(
    `INSERT INTO failures (service, release, at_ms, server, failure)
     SELECT service, number, ?, ?, ? FROM releases WHERE service = ? AND number = ?
     ON CONFLICT DO NOTHING`,
    ...[failure.atMs, failure.id, canonicalJson(failure), service, release],
  );
  db.run(
    `DELETE FROM failures WHERE service = ?1 AND release = ?2 AND (at_ms, server) NOT IN
       (SELECT at_ms, server FROM failures WHERE service = ?1 AND release = ?2 ORDER BY at_ms DESC, server DESC LIMIT ?3)`,
    ...[service, release, keptPerRelease],
  );
  return changes > 0;
}

/** Of one release, or of all that are kept; oldest first. */
export function selectFailures(
  db: Database,
  service: ServiceKey,
  release: number | undefined,
): readonly ServerFailure[] {
  return db
    .all<{ readonly failure: string }>(
      "SELECT failure FROM failures WHERE service = ?1 AND (?2 IS NULL OR release = ?2) ORDER BY at_ms, server",
      service,
      release ?? null,
    )
    .map((row) => readFailure(row.failure));
}
