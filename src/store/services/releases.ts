import { createHash } from "node:crypto";
import type { ImageDigest, ServiceKey } from "../../domain/ids.ts";
import type { Admission } from "../../domain/policy/admission.ts";
import { draftOf, type Release, type ReleaseDraft } from "../../domain/rollout/release.ts";
import { admission } from "../../domain/schema/admission.ts";
import { keptDraft } from "../../domain/schema/release.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";

const readAdmission = jsonColumn("releases.admission", admission);
const readDraft = jsonColumn("releases.draft", keptDraft);

interface ReleaseRow {
  readonly service: string;
  readonly number: number;
  readonly draft: string;
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly admission: string | null;
}

const columns = "service, number, draft, created_at_ms, created_by, admission";

/** Oldest first. */
export function selectReleases(db: Database, service: ServiceKey): readonly Release[] {
  return db
    .all<ReleaseRow>(`SELECT ${columns} FROM releases WHERE service = ? ORDER BY number`, service)
    .map(toRelease);
}

/** Every kept release of every service, oldest first within its service. */
export function selectAllReleases(db: Database): readonly Release[] {
  return db.all<ReleaseRow>(`SELECT ${columns} FROM releases ORDER BY service, number`).map(toRelease);
}

export function selectRelease(db: Database, service: ServiceKey, number: number): Release | undefined {
  const row = db.get<ReleaseRow>(
    `SELECT ${columns} FROM releases WHERE service = ? AND number = ?`,
    service,
    number,
  );
  return row && toRelease(row);
}

/** The serving release, else the newest, if it was made from an equal draft. What a move has placed elsewhere has its number for itself. */
export function selectEqualRelease(
  db: Database,
  service: ServiceKey,
  draft: ReleaseDraft,
): Release | undefined {
  const row = db.get<ReleaseRow>(
    `SELECT ${columns} FROM releases JOIN services ON services.key = releases.service
     WHERE service = ? AND draft_digest = ? AND (number = serving OR number = last_release)
       AND number NOT IN (SELECT release FROM moves WHERE moves.service = releases.service)
       AND number NOT IN (SELECT release FROM given_up WHERE given_up.service = releases.service)
     ORDER BY number = serving DESC LIMIT 1`,
    service,
    draftDigest(draft),
  );
  return row && toRelease(row);
}

export function insertRelease(db: Database, release: Release): void {
  db.run(
    "INSERT INTO releases (service, number, image, draft, draft_digest, created_at_ms, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ...[release.service, release.number, release.image, draftText(release), draftDigest(release)],
    ...[release.createdAtMs, release.createdBy],
  );
}

/** What image policies say now of the release's image; undefined where there are none. */
export function recordAdmission(
  db: Database,
  service: ServiceKey,
  number: number,
  said: Admission | undefined,
): void {
  const text = said === undefined ? null : canonicalJson(said);
  db.run("UPDATE releases SET admission = ? WHERE service = ? AND number = ?", text, service, number);
}

/** The present release hands over: it has served until now. */
export function markServedUntil(db: Database, service: ServiceKey, number: number, atMs: number): void {
  db.run("UPDATE releases SET served_until_ms = ? WHERE service = ? AND number = ?", atMs, service, number);
}

/** Whether the latest rollout to this release showed it to be good. */
export function markGood(db: Database, service: ServiceKey, number: number, good: boolean): void {
  db.run("UPDATE releases SET good = ? WHERE service = ? AND number = ?", good ? 1 : 0, service, number);
}

/** The good release that served last before the present one and differs from it: a move gives the same one another number. */
export function selectLastGood(db: Database, service: ServiceKey): number | undefined {
  return db.get<{ readonly number: number }>(
    `SELECT number FROM releases JOIN services ON services.key = releases.service
     WHERE service = ?1 AND good = 1 AND served_until_ms IS NOT NULL AND number IS NOT serving
       AND draft_digest IS NOT (SELECT draft_digest FROM releases AS now WHERE now.service = ?1 AND now.number = serving)
     ORDER BY served_until_ms DESC, number DESC LIMIT 1`,
    service,
  )?.number;
}

function countReleases(db: Database, service: ServiceKey): number {
  const row = db.get<{ readonly n: number }>("SELECT count(*) AS n FROM releases WHERE service = ?", service);
  return row?.n ?? 0;
}

/**
 * Deletes all but the newest `keep` releases, and none that someone keeps, that is serving, the last good one, warm, part of the
 * running rollout, or that of a job's run which has not ended. Returns the deleted numbers.
 */
export function deleteOldReleases(db: Database, service: ServiceKey, keep: number): readonly number[] {
  if (countReleases(db, service) <= keep) return []; // so it is at the end of most passes
  return db
    .all<{ readonly number: number }>(
      `DELETE FROM releases WHERE service = ?1 AND kept_at_ms IS NULL
         AND number NOT IN (SELECT number FROM releases WHERE service = ?1 ORDER BY number DESC LIMIT ?2)
         AND number NOT IN (SELECT serving FROM services WHERE key = ?1 AND serving IS NOT NULL)
         AND number NOT IN (SELECT release FROM warm WHERE service = ?1)
         AND number NOT IN (SELECT release FROM moves WHERE service = ?1)
         AND number NOT IN (SELECT release FROM given_up WHERE service = ?1)
         AND number NOT IN (SELECT release FROM runs WHERE service = ?1 AND end IS NULL)
         AND number NOT IN (SELECT to_release FROM rollouts WHERE service = ?1 AND ended_at_ms IS NULL)
         AND number NOT IN (SELECT from_release FROM rollouts
                            WHERE service = ?1 AND ended_at_ms IS NULL AND from_release IS NOT NULL)
         AND number IS NOT ?3
       RETURNING number`,
      ...[service, keep, selectLastGood(db, service) ?? null],
    )
    .map((row) => row.number)
    .sort((a, b) => a - b);
}

/** Image digests that kept releases use, each with those releases in words. */
export function selectImagesInUse(db: Database): ReadonlyMap<ImageDigest, readonly string[]> {
  const users = new Map<ImageDigest, string[]>();
  const rows = db.all<{ readonly image: string; readonly user: string }>(
    `SELECT image, user FROM (
       SELECT image, service || ' release ' || number AS user, 0 AS kind, service, number FROM releases
       UNION ALL SELECT image, service || ' candidate ' || id, 1, service, id FROM candidates
       UNION ALL SELECT digest, 'channel ' || service || '/' || name, 2, service, id FROM channels
         WHERE id IN (SELECT max(id) FROM channels GROUP BY service, name)
     ) ORDER BY image, kind, service, number`,
  );
  for (const { image, user } of rows) users.set(image, [...(users.get(image) ?? []), user]);
  return users;
}

/** What is kept. Without secrets, files and jobs it is what was kept before there were any, so that equal drafts stay equal. */
function draftText(draft: ReleaseDraft): string {
  const { secrets, files, jobs, ...rest } = draftOf(draft);
  return canonicalJson({
    ...rest,
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(files.length === 0 ? {} : { files }),
    ...(jobs.length === 0 ? {} : { jobs }),
  });
}

function draftDigest(draft: ReleaseDraft): string {
  return `sha256:${createHash("sha256").update(draftText(draft)).digest("hex")}`;
}

function toRelease(row: ReleaseRow): Release {
  return {
    ...readDraft(row.draft),
    service: row.service,
    number: row.number,
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
    ...(row.admission === null ? {} : { admission: readAdmission(row.admission) }),
  };
}
