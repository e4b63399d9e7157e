import { KilnError } from "../../lib/errors.ts";
import { corrupt, Database, readVersion } from "./database.ts";

/**
 * The database's history: entry n brings it from version n to n + 1. An entry that has been released is never
 * changed; a new one is added after it.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE services (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL CHECK (count >= 0),
    policy TEXT NOT NULL,
    serving INTEGER,
    last_release INTEGER NOT NULL,
    removed INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;

  -- good: it has served after a rollout that completed, and no later rollout to it has failed.
  CREATE TABLE releases (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    draft TEXT NOT NULL,
    draft_digest TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    good INTEGER NOT NULL DEFAULT 0,
    served_until_ms INTEGER,
    PRIMARY KEY (service, number)
  ) STRICT, WITHOUT ROWID;

  -- Releases are pruned before rollouts, so from_release and to_release may point at what is gone.
  CREATE TABLE rollouts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    kind TEXT NOT NULL,
    from_release INTEGER,
    to_release INTEGER NOT NULL,
    policy TEXT NOT NULL,
    steps TEXT NOT NULL,
    phase TEXT NOT NULL,
    step INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    moved_at_ms INTEGER,
    highest_ready INTEGER NOT NULL,
    progress_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER,
    reason TEXT
  ) STRICT;
  CREATE INDEX rollouts_by_service ON rollouts (service, id);
  CREATE UNIQUE INDEX one_running_rollout ON rollouts (service) WHERE ended_at_ms IS NULL;

  CREATE TABLE warm (
    service TEXT NOT NULL,
    release INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (service, release),
    FOREIGN KEY (service, release) REFERENCES releases ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE failures (
    service TEXT NOT NULL,
    release INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    server TEXT NOT NULL,
    failure TEXT NOT NULL,
    PRIMARY KEY (service, release, at_ms, server),
    FOREIGN KEY (service, release) REFERENCES releases ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    service TEXT,
    kind TEXT NOT NULL,
    message TEXT NOT NULL,
    data TEXT NOT NULL,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_service ON events (service, sequence);
  CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
  CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;
  `,
  `
  -- Failures before judged_from_ms are forgiven; promoted and verdict are of the present step.
  ALTER TABLE rollouts ADD COLUMN judged_from_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rollouts ADD COLUMN promoted INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE rollouts ADD COLUMN verdict TEXT;
  ALTER TABLE rollouts ADD COLUMN origin TEXT;
  ALTER TABLE rollouts ADD COLUMN changes TEXT NOT NULL DEFAULT '[]';
  -- Policies that were written before there was a choice.
  UPDATE services SET policy = json_set(policy, '$.steps', json('[]'), '$.promote', 'auto');
  UPDATE rollouts SET policy = json_set(policy, '$.steps', json('[]'), '$.promote', 'auto');
  `,
  `
  -- A row outlives the versions, so that a number is never given twice. Secrets may come before their service and
  -- stay after it.
  CREATE TABLE secrets (
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    PRIMARY KEY (service, name)
  ) STRICT, WITHOUT ROWID;

  -- key_id tells which key file has sealed it; sealed is ciphertext and tag.
  CREATE TABLE secret_versions (
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    key_id TEXT NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (service, name, version),
    FOREIGN KEY (service, name) REFERENCES secrets
  ) STRICT, WITHOUT ROWID;

  -- Configuration files of kept releases.
  CREATE TABLE contents (
    digest TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;
  `,
  `
  -- What the log tells of itself: keys, checkpoints, breaks.
  CREATE INDEX events_of_audit ON events (kind, sequence) WHERE kind GLOB 'audit.*';
  `,
  `
  ALTER TABLE services ADD COLUMN upkeep TEXT;

  -- Servers that have drifted. over_at_ms: the server is gone; an id may come again then.
  CREATE TABLE taints (
    id INTEGER PRIMARY KEY,
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    server TEXT NOT NULL,
    finding TEXT NOT NULL,
    response TEXT NOT NULL,
    tainted_at_ms INTEGER NOT NULL,
    taken_at_ms INTEGER,
    evidence_at_ms INTEGER,
    evidence TEXT,
    over_at_ms INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX one_open_taint ON taints (server) WHERE over_at_ms IS NULL;
  CREATE INDEX taints_by_service ON taints (service, id);
  CREATE INDEX taints_by_time ON taints (tainted_at_ms);
  `,
  `
  -- The jobs of a rollout that have begun, with how they ended.
  ALTER TABLE rollouts ADD COLUMN jobs TEXT NOT NULL DEFAULT '[]';
  `,
  `
  -- People who are in a server now. pid and start_ticks: the process that ends with their session.
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    server TEXT NOT NULL,
    by TEXT NOT NULL,
    pid INTEGER NOT NULL,
    start_ticks INTEGER NOT NULL,
    started_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX sessions_by_server ON sessions (server);
  `,
  `
  -- What releases answered, by minute or hour; it outlives service and release. latency: counts by response time.
  CREATE TABLE traffic (
    service TEXT NOT NULL,
    release INTEGER NOT NULL,
    span_ms INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    latency TEXT NOT NULL,
    least_ready INTEGER NOT NULL,
    minutes INTEGER NOT NULL,
    ready_minutes INTEGER NOT NULL,
    PRIMARY KEY (service, at_ms, release, span_ms)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX traffic_by_age ON traffic (span_ms, at_ms);
  -- One row: the counters of the data plane as they were last read.
  CREATE TABLE traffic_reading (id INTEGER PRIMARY KEY CHECK (id = 1), counters TEXT NOT NULL) STRICT;
  `,
  `
  -- Findings and failures say which service and release they are of: nothing is read from a server's id any more. The
  -- ids of these are <service>-<release>-<slot>-<attempt>; a CAST takes the number that a text begins with.
  UPDATE taints SET finding = json_set(
    finding,
    '$.service', service,
    '$.release', CAST(substr(server, length(service) + 2) AS INTEGER)
  );
  UPDATE failures SET failure = json_set(failure, '$.release', release);
  CREATE INDEX events_by_server ON events (data ->> '$.server', sequence);
  `,
  `
  -- The target \`local\` has no row: it is always there.
  CREATE TABLE targets (
    name TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    options TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Where a service has been since its first deploy.
  ALTER TABLE services ADD COLUMN target TEXT NOT NULL DEFAULT 'local';
  `,
  `
  -- Who changed a server is reported in words: another platform than this machine knows no process.
  UPDATE taints SET finding = json_remove(json_set(
    finding,
    '$.who',
    coalesce(finding ->> '$.culprit.executable', finding ->> '$.culprit.name')
      || ' pid ' || (finding ->> '$.culprit.pid')
      || iif(finding ->> '$.culprit.uid' < 0, '', ' uid ' || (finding ->> '$.culprit.uid'))
      || coalesce(' (login ' || nullif(finding ->> '$.culprit.loginUid', finding ->> '$.culprit.uid') || ')', '')
  ), '$.culprit') WHERE finding ->> '$.culprit' IS NOT NULL;
  `,
  `
  -- The counters of each target's data plane as they were last read.
  CREATE TABLE traffic_readings (target TEXT PRIMARY KEY, counters TEXT NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO traffic_readings (target, counters) SELECT 'local', counters FROM traffic_reading;
  DROP TABLE traffic_reading;
  `,
  `
  -- Snapshots that a rollback with data puts in place of the data of volumes.
  ALTER TABLE rollouts ADD COLUMN restore TEXT;
  `,
  `
  -- Keys whose signatures of images count, and where which of them are asked for; target *: everywhere.
  CREATE TABLE trusted_keys (
    name TEXT PRIMARY KEY,
    key_id TEXT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    revoked_at_ms INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE image_policies (
    target TEXT PRIMARY KEY,
    mode TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    set_at_ms INTEGER NOT NULL,
    set_by TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- What the policies said when servers of the release were last asked for.
  ALTER TABLE releases ADD COLUMN admission TEXT;
  `,
  `
  -- Runs of scheduled jobs and of commands. A number is never given twice; a time of a schedule has at most one run.
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    job TEXT NOT NULL,
    release INTEGER NOT NULL,
    command TEXT NOT NULL,
    overlap TEXT NOT NULL,
    deadline_ms INTEGER NOT NULL,
    keep INTEGER NOT NULL,
    due_at_ms INTEGER,
    asked_by TEXT,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    end TEXT,
    UNIQUE (service, job, due_at_ms)
  ) STRICT;
  -- Up to when the times of a schedule are decided.
  CREATE TABLE schedules (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    job TEXT NOT NULL,
    schedule TEXT NOT NULL,
    decided_ms INTEGER NOT NULL,
    PRIMARY KEY (service, job)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What must hold before a rollout begins: the policy file as it was set last, freezes, and what someone let through.
  CREATE TABLE policy_file (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    rules TEXT NOT NULL,
    set_at_ms INTEGER NOT NULL,
    set_by TEXT NOT NULL
  ) STRICT;
  CREATE TABLE freezes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT,
    service TEXT,
    reason TEXT NOT NULL,
    frozen_by TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER
  ) STRICT;
  CREATE TABLE overrides (
    rollout INTEGER PRIMARY KEY,
    service TEXT NOT NULL,
    overridden_by TEXT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    against TEXT NOT NULL,
    reviewed_by TEXT,
    review_reason TEXT,
    reviewed_at_ms INTEGER
  ) STRICT;
  `,
  `
  -- What climbs a ladder of environments: one image, with the configuration of each environment above.
  CREATE TABLE candidates (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    image TEXT NOT NULL,
    version TEXT NOT NULL,
    origin TEXT,
    ladder TEXT NOT NULL,
    rungs TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL
  ) STRICT;
  CREATE INDEX candidates_by_service ON candidates (service, id);
  `,
  `
  -- Who has said yes to which plan, by its digest.
  CREATE TABLE approvals (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    plan TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    person TEXT NOT NULL,
    at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX approvals_by_plan ON approvals (plan);
  `,
  `
  -- Who may ask over the network. Of secrets only digests are kept.
  CREATE TABLE access_tokens (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    grants TEXT NOT NULL,
    run TEXT,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER,
    used_from TEXT,
    revoked_at_ms INTEGER,
    revoked_by TEXT,
    revoked_reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE access_invites (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    grants TEXT NOT NULL,
    token_ms INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Where the controller listens for the network: one row, or none.
  CREATE TABLE access_listener (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    address TEXT NOT NULL,
    names TEXT NOT NULL
  ) STRICT;
  `,
  `
  CREATE TABLE revoked_images (
    digest TEXT PRIMARY KEY,
    -- It may be yet to come.
    at_ms INTEGER NOT NULL,
    reason TEXT NOT NULL,
    revoked_by TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- Where each channel has been; the newest row is where it is.
  CREATE TABLE channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    set_at_ms INTEGER NOT NULL,
    set_by TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Which pipelines get tokens, and which tokens of their issuers were used already.
  CREATE TABLE access_rules (
    name TEXT PRIMARY KEY,
    issuer TEXT NOT NULL,
    claims TEXT NOT NULL,
    grants TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE access_used (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    -- The token that it was last exchanged for.
    token TEXT NOT NULL,
    PRIMARY KEY (issuer, jti)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The token that took its place: then it cannot be replaced again.
  ALTER TABLE access_tokens ADD COLUMN replaced_by TEXT;
  `,
  `
  CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    format TEXT NOT NULL,
    kinds TEXT NOT NULL,
    services TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    -- The last entry of the log that is done with.
    cursor INTEGER NOT NULL,
    delivered_at_ms INTEGER,
    failing TEXT,
    -- The URL and the secrets that sign, like a secret.
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The only service whose plan it counts for; NULL: any.
  ALTER TABLE approvals ADD COLUMN service TEXT;
  `,
];

/** The version that this Kiln writes. */
export const latestVersion = migrations.length;

/** The tables that hold what is desired. The event log has its own check, the chain of digests. */
const stateTables = [
  ...["services", "releases", "rollouts", "warm", "failures"],
  ...["secrets", "secret_versions", "contents", "taints", "sessions", "targets"],
  ...["trusted_keys", "image_policies", "runs", "schedules"],
  ...["policy_file", "freezes", "overrides", "candidates", "approvals"],
  ...["access_tokens", "access_invites", "access_listener", "access_rules", "access_used"],
  ...["revoked_images", "channels", "webhooks"],
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

/** Brings the database up to version `to`, each step in a transaction of its own: a crash leaves one version or the next. */
export function migrate(db: Database, to = latestVersion): void {
  for (let version = versionOf(db); version < to; version++) {
    db.transaction(() => {
      db.exec(migrations[version] ?? "");
      db.exec(`PRAGMA user_version = ${version + 1}`);
    });
  }
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
