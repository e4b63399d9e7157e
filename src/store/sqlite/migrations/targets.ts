/** Services on several targets, and data that goes back with them. */
export const targets: readonly string[] = [
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
];
