/** Those who ask over the network, or hear from it; revoked images and channels. New entries go to the end. */
export const network: readonly string[] = [
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
  `
  -- Repositories that services follow. A service may follow one before its first deploy.
  CREATE TABLE sources (
    service TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    hold TEXT,
    head TEXT,
    looked_at_ms INTEGER,
    deployed TEXT,
    failing TEXT,
    next_look_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The other target of a service that moves. Without a running move and without kept_until_ms it is being cleared.
  CREATE TABLE moves (
    service TEXT PRIMARY KEY REFERENCES services ON DELETE CASCADE,
    target TEXT NOT NULL,
    release INTEGER NOT NULL,
    shared INTEGER NOT NULL,
    handed_over_at_ms INTEGER,
    kept_until_ms INTEGER,
    FOREIGN KEY (service, release) REFERENCES releases
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE taints ADD COLUMN target TEXT;
  UPDATE taints SET target = (SELECT target FROM services WHERE key = taints.service);
  `,
  `
  -- A run is on the target on which it has begun, wherever its service is.
  ALTER TABLE runs ADD COLUMN target TEXT;
  UPDATE runs SET target = coalesce(
    (SELECT target FROM moves WHERE moves.service = runs.service AND started_at_ms < handed_over_at_ms),
    (SELECT target FROM services WHERE key = runs.service)
  ) WHERE started_at_ms IS NOT NULL;
  ALTER TABLE moves DROP COLUMN handed_over_at_ms;
  `,
  `
  -- By which forges report pushes. The secrets that prove it are sealed, as they are compared with MACs that they make.
  CREATE TABLE source_webhooks (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL UNIQUE REFERENCES sources ON DELETE CASCADE,
    added_at_ms INTEGER NOT NULL,
    added_by TEXT NOT NULL,
    used_at_ms INTEGER,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Since when, and for whom, a release is kept whatever its age; NULL: it is not.
  ALTER TABLE releases ADD COLUMN kept_at_ms INTEGER;
  ALTER TABLE releases ADD COLUMN kept_by TEXT;
  ALTER TABLE releases ADD COLUMN kept_because TEXT;
  `,
  `
  -- Files of this machine and beginnings of URLs that requests over the network may name.
  CREATE TABLE access_places (place TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  -- Targets that services have left, and that someone has given up: what may still run there goes when they answer.
  CREATE TABLE given_up (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    target TEXT NOT NULL,
    release INTEGER NOT NULL,
    shared INTEGER NOT NULL,
    PRIMARY KEY (service, target),
    FOREIGN KEY (service, release) REFERENCES releases
  ) STRICT, WITHOUT ROWID;
  `,
];
