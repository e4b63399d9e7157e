import { KilnError } from "../../lib/errors.ts";
import { corrupt, Database, readVersion } from "./database.ts";
import { network } from "./migrations/network.ts";
import { oneMachine } from "./migrations/one-machine.ts";
import { policies } from "./migrations/policies.ts";
import { targets } from "./migrations/targets.ts";

/**
 * The database's history: entry n brings it from version n to n + 1. An entry that has been released is never
 * changed; a new one is added after the last.
 */
const migrations: readonly string[] = [...oneMachine, ...targets, ...policies, ...network];

/** The version that this Kiln writes. */
export const latestVersion = migrations.length;

/** The tables that hold what is desired. The event log has its own check, the chain of digests. */
const stateTables = [
  ...["services", "releases", "rollouts", "warm", "failures"],
  ...["secrets", "secret_versions", "contents", "taints", "sessions", "targets"],
  ...["trusted_keys", "image_policies", "runs", "schedules"],
  ...["policy_file", "freezes", "overrides", "candidates", "approvals"],
  ...["access_tokens", "access_invites", "access_listener", "access_rules", "access_used", "access_places"],
  ...["revoked_images", "channels", "webhooks", "sources", "source_webhooks", "moves", "given_up"],
];

/**
 * The database at `path` at the latest version, made if it is not there. Throws `state_newer` without touching a
 * database that a newer Kiln has written, and `state_corrupt`.
 */
export function openDatabase(path: string): Database {
  requireKnownVersion(path);
  const db = new Database(path);
  try {
    migrate(db);
    checkTables(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Throws `state_newer` for a database that a newer Kiln has written; reads it and no more. */
export function requireKnownVersion(path: string): void {
  const version = readVersion(path);
  if (version > latestVersion) throw newer(path, version);
}

/** Brings the database up to version `to` in one transaction: a crash leaves the version before or that one, and the disk is waited for once. */
export function migrate(db: Database, to = latestVersion): void {
  const from = versionOf(db);
  if (from >= to) return;
  db.transaction(() => {
    for (const step of migrations.slice(from, to)) db.exec(step);
    db.exec(`PRAGMA user_version = ${to}`);
  });
}

function versionOf(db: Database): number {
  return db.get<{ readonly user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
}

function checkTables(db: Database): void {
  for (const table of stateTables) {
    const row = db.get<{ readonly quick_check: string }>(`PRAGMA quick_check(${table})`);
    if (row?.quick_check !== "ok") throw corrupt(db.path, row?.quick_check);
  }
}

function newer(path: string, version: number): KilnError {
  return new KilnError(
    "state_newer",
    `The state database ${path} has version ${version}; this Kiln knows versions up to ${latestVersion}.`,
    { hint: "Use the Kiln that wrote it, or a newer one. Nothing was changed." },
  );
}
