import type { ServiceKey } from "../../domain/ids.ts";
import type { Origin, Rollout, RolloutPhase } from "../../domain/rollout/rollout.ts";
import { changes, jobRuns, origin, restore, verdict } from "../../domain/schema/rollout.ts";
import { rolloutPolicy, steps } from "../../domain/schema/spec.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";

const read = {
  policy: jsonColumn("rollouts.policy", rolloutPolicy),
  steps: jsonColumn("rollouts.steps", steps),
  origin: jsonColumn("rollouts.origin", origin),
  changes: jsonColumn("rollouts.changes", changes),
  jobs: jsonColumn("rollouts.jobs", jobRuns),
  verdict: jsonColumn("rollouts.verdict", verdict),
  restore: jsonColumn("rollouts.restore", restore),
};

interface RolloutRow {
  readonly id: number;
  readonly service: string;
  readonly kind: Rollout["kind"];
  readonly from_release: number | null;
  readonly to_release: number;
  readonly policy: string;
  readonly steps: string;
  readonly phase: RolloutPhase;
  readonly step: number;
  readonly started_at_ms: number;
  readonly started_by: string;
  readonly moved_at_ms: number | null;
  readonly highest_ready: number;
  readonly progress_at_ms: number;
  readonly judged_from_ms: number;
  readonly promoted: number;
  readonly origin: string | null;
  readonly changes: string;
  readonly jobs: string;
  readonly verdict: string | null;
  readonly restore: string | null;
  readonly ended_at_ms: number | null;
  readonly reason: string | null;
}

const keptPerService = 100;

export function selectRollout(db: Database, id: number): Rollout | undefined {
  const row = db.get<RolloutRow>("SELECT * FROM rollouts WHERE id = ?", id);
  return row && toRollout(row);
}

/** Newest first. */
export function selectRollouts(db: Database, service: ServiceKey, limit: number): readonly Rollout[] {
  return db
    .all<RolloutRow>("SELECT * FROM rollouts WHERE service = ? ORDER BY id DESC LIMIT ?", service, limit)
    .map(toRollout);
}

/** The newest of each service. */
export function selectNewestRollouts(db: Database): readonly Rollout[] {
  return db
    .all<RolloutRow>("SELECT * FROM rollouts WHERE id IN (SELECT max(id) FROM rollouts GROUP BY service)")
    .map(toRollout);
}

export function selectRunningRollout(db: Database, service: ServiceKey): Rollout | undefined {
  const row = db.get<RolloutRow>("SELECT * FROM rollouts WHERE service = ? AND ended_at_ms IS NULL", service);
  return row && toRollout(row);
}

export function selectAllRunningRollouts(db: Database): readonly Rollout[] {
  return db.all<RolloutRow>("SELECT * FROM rollouts WHERE ended_at_ms IS NULL").map(toRollout);
}

/** What a release was last deployed from; undefined where that is not known. */
export function selectOrigin(db: Database, service: ServiceKey, release: number): Origin | undefined {
  const row = db.get<{ readonly origin: string }>(
    `SELECT origin FROM rollouts
       WHERE service = ? AND to_release = ? AND origin IS NOT NULL ORDER BY id DESC LIMIT 1`,
    ...[service, release],
  );
  return row && read.origin(row.origin);
}

/** The rollout as it was given, with the id that it got. */
export function insertRollout(db: Database, rollout: Omit<Rollout, "id">): Rollout {
  const { id } = db.run(
    `INSERT INTO rollouts (service, kind, from_release, to_release, policy, steps, phase, step,
       started_at_ms, started_by, moved_at_ms, highest_ready, progress_at_ms, ended_at_ms, reason, judged_from_ms, origin, changes, restore)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[rollout.service, rollout.kind, rollout.from ?? null, rollout.to],
    ...[canonicalJson(rollout.policy), canonicalJson(rollout.steps)],
    ...[rollout.phase, rollout.step, rollout.startedAtMs, rollout.startedBy, rollout.movedAtMs ?? null],
    ...[rollout.highestReady, rollout.progressAtMs, rollout.endedAtMs ?? null, rollout.reason ?? null],
    rollout.judgedFromMs,
    ...[rollout.origin === undefined ? null : canonicalJson(rollout.origin), canonicalJson(rollout.changes)],
    rollout.restore === undefined ? null : canonicalJson(rollout.restore),
  );
  return { id, ...rollout };
}

/** Writes what can change of a rollout after its start. */
export function updateRollout(db: Database, rollout: Rollout): void {
  db.run(
    `UPDATE rollouts SET phase = ?, step = ?, moved_at_ms = ?, highest_ready = ?, progress_at_ms = ?,
       ended_at_ms = ?, reason = ?, judged_from_ms = ?, promoted = ?, verdict = ?, jobs = ?, started_at_ms = ? WHERE id = ?`,
    ...[rollout.phase, rollout.step, rollout.movedAtMs ?? null, rollout.highestReady, rollout.progressAtMs],
    ...[rollout.endedAtMs ?? null, rollout.reason ?? null, rollout.judgedFromMs, rollout.promoted ? 1 : 0],
    ...[rollout.verdict === undefined ? null : canonicalJson(rollout.verdict), canonicalJson(rollout.jobs)],
    ...[rollout.startedAtMs, rollout.id],
  );
}

/** Deletes what is older than the newest 100, unless the release that it led to is kept. */
export function deleteOldRollouts(db: Database, service: ServiceKey): void {
  db.run(
    `DELETE FROM rollouts WHERE service = ?1 AND ended_at_ms IS NOT NULL
       AND id NOT IN (SELECT id FROM rollouts WHERE service = ?1 ORDER BY id DESC LIMIT ?2)
       AND to_release NOT IN (SELECT number FROM releases WHERE service = ?1)`,
    service,
    keptPerService,
  );
}

/** What a program needs to follow a rollout by its events alone. */
export function rolloutData(rollout: Rollout, reason: string): Readonly<Record<string, unknown>> {
  const { id, from, to, phase, step, steps, highestReady } = rollout;
  return { rollout: id, from, to, phase, step, steps: steps.length, highestReady, reason };
}

function toRollout(row: RolloutRow): Rollout {
  return {
    id: row.id,
    service: row.service,
    kind: row.kind,
    from: row.from_release ?? undefined,
    to: row.to_release,
    policy: read.policy(row.policy),
    steps: read.steps(row.steps),
    phase: row.phase,
    step: row.step,
    startedAtMs: row.started_at_ms,
    startedBy: row.started_by,
    movedAtMs: row.moved_at_ms ?? undefined,
    highestReady: row.highest_ready,
    progressAtMs: row.progress_at_ms,
    origin: row.origin === null ? undefined : read.origin(row.origin),
    changes: read.changes(row.changes),
    jobs: read.jobs(row.jobs),
    judgedFromMs: row.judged_from_ms,
    promoted: row.promoted === 1,
    ...(row.restore === null ? {} : { restore: read.restore(row.restore) }),
    verdict: row.verdict === null ? undefined : read.verdict(row.verdict),
    endedAtMs: row.ended_at_ms ?? undefined,
    reason: row.reason ?? undefined,
  };
}
