/** What must hold before something runs: trusted keys, policies, candidates, approvals; and scheduled jobs. */
export const policies: readonly string[] = [
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
];
