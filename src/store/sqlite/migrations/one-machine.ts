/** Services on one machine: releases, rollouts, secrets, drift, sessions, traffic. */
export const oneMachine: readonly string[] = [
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
];
