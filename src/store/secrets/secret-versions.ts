import type { ServiceKey } from "../../domain/ids.ts";
import type { Database } from "../sqlite/database.ts";
import type { Sealed } from "./sealing.ts";

/** One version of one secret; its value is sealed. */
export interface SecretRow extends Sealed {
  readonly service: ServiceKey;
  readonly name: string;
  readonly version: number;
  readonly key_id: string;
  readonly created_at_ms: number;
  readonly created_by: string;
}

/** By name, the kept releases that use a version of a secret. SQL: `used` in the queries below. */
const used = `
  SELECT releases.service, releases.number, secret.value ->> 'name' AS name, secret.value ->> 'version' AS version
  FROM releases, json_each(releases.draft, '$.secrets') AS secret`;

/** The number that a new version of this secret has. */
export function takeVersion(db: Database, service: ServiceKey, name: string): number {
  const row = db.get<{ readonly last_version: number }>(
    `INSERT INTO secrets (service, name, last_version) VALUES (?, ?, 1)
     ON CONFLICT DO UPDATE SET last_version = last_version + 1 RETURNING last_version`,
    service,
    name,
  );
  return row?.last_version ?? 1;
}

export function insertVersion(db: Database, row: SecretRow): void {
  db.run(
    "INSERT INTO secret_versions (service, name, version, key_id, nonce, sealed, created_at_ms, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ...[row.service, row.name, row.version, row.key_id, row.nonce, row.sealed],
    ...[row.created_at_ms, row.created_by],
  );
}

export function selectVersion(
  db: Database,
  service: ServiceKey,
  name: string,
  version: number,
): SecretRow | undefined {
  return db.get<SecretRow>(
    "SELECT * FROM secret_versions WHERE service = ? AND name = ? AND version = ?",
    ...[service, name, version],
  );
}

export function selectNewestVersion(db: Database, service: ServiceKey, name: string): SecretRow | undefined {
  return db.get<SecretRow>(
    "SELECT * FROM secret_versions WHERE service = ? AND name = ? ORDER BY version DESC LIMIT 1",
    ...[service, name],
  );
}

/** By service and name, the oldest version first. */
export function selectVersions(
  db: Database,
  service: ServiceKey | undefined,
): readonly Omit<SecretRow, "nonce" | "sealed">[] {
  return db.all(
    `SELECT service, name, version, key_id, created_at_ms, created_by FROM secret_versions
     WHERE ?1 IS NULL OR service = ?1 ORDER BY service, name, version`,
    service ?? null,
  );
}

export function hasVersions(db: Database): boolean {
  return db.get("SELECT 1 FROM secret_versions LIMIT 1") !== undefined;
}

export interface SecretUser {
  readonly service: ServiceKey;
  readonly number: number;
  readonly name: string;
  readonly version: number;
}

/** Which kept releases use which versions, the oldest release first. */
export function selectUsers(db: Database, service: ServiceKey | undefined): readonly SecretUser[] {
  return db.all<SecretUser>(
    `SELECT * FROM (${used}) WHERE ?1 IS NULL OR service = ?1 ORDER BY service, number`,
    service ?? null,
  );
}

/** The kept releases whose traffic has its certificate from this secret, the oldest first. */
export function selectCertified(db: Database, service: ServiceKey, name: string): readonly number[] {
  return db
    .all<{ readonly number: number }>(
      `SELECT number FROM releases WHERE service = ? AND draft ->> '$.traffic.tls.secret' = ? ORDER BY number`,
      ...[service, name],
    )
    .map(({ number }) => number);
}

/** All versions but the newest that no kept release uses. */
export function deleteUnusedVersions(db: Database, service: ServiceKey): void {
  db.run(
    `DELETE FROM secret_versions WHERE service = ?1
       AND (name, version) NOT IN (SELECT name, max(version) FROM secret_versions WHERE service = ?1 GROUP BY name)
       AND (name, version) NOT IN (SELECT name, version FROM (${used}) WHERE service = ?1)`,
    service,
  );
}

/** Every version of the secret. Returns how many there were. */
export function deleteVersions(db: Database, service: ServiceKey, name: string): number {
  return db.run("DELETE FROM secret_versions WHERE service = ? AND name = ?", service, name).changes;
}
