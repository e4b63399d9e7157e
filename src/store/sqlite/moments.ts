import { burstMs } from "../../domain/plan/upkeep/drift-response.ts";
import { shiftRollout } from "../../domain/rollout/record.ts";
import { selectAllRunningRollouts, updateRollout } from "../rollouts/rollouts.ts";
import type { Workbench } from "../workbench.ts";
import type { Database } from "./database.ts";

/** Moments that running work counts from. */
export interface MomentStore {
  /** The latest moment that anything which runs counts from; undefined when nothing does. */
  latestMoment(): number | undefined;
  /**
   * The clock was set by so much: whatever counts from a moment, or until one, is moved along and lasts as long as it
   * would have. `what` has happened, as the beginning of a sentence.
   */
  moveMoments(byMs: number, what: string): void;
}

export function momentStore(bench: Workbench): MomentStore {
  const { db } = bench;
  return {
    latestMoment: () => selectLatestMoment(db),
    moveMoments: (byMs, what) => db.transaction(() => moveMoments(bench, byMs, what)),
  };
}

/** The latest moment that a rollout, a run of a job, a session or a burst of drift counts from; undefined when there is none. */
function selectLatestMoment(db: Database): number | undefined {
  const row = db.get<{ readonly at: number | null }>(
    `SELECT max(at) AS at FROM (
       SELECT max(progress_at_ms, judged_from_ms, ifnull(moved_at_ms, 0)) AS at FROM rollouts WHERE ended_at_ms IS NULL
       UNION ALL SELECT max(started_at_ms) FROM sessions
       UNION ALL SELECT max(started_at_ms) FROM runs WHERE end IS NULL
       UNION ALL SELECT max(tainted_at_ms) FROM taints)`,
  );
  return row?.at ?? undefined;
}

/**
 * Moves all that counts from a moment, or until one, by as much as the clock was set, so that durations stay the same.
 * What is over, and the log, stay as they were recorded.
 */
function moveMoments({ db, log, clock }: Workbench, byMs: number, what: string): void {
  for (const rollout of selectAllRunningRollouts(db)) updateRollout(db, shiftRollout(rollout, byMs));
  db.run(
    `UPDATE failures SET at_ms = at_ms + ?1, failure = json_set(failure, '$.atMs', at_ms + ?1)
       WHERE (service, release) IN (SELECT service, to_release FROM rollouts WHERE ended_at_ms IS NULL)`,
    byMs,
  );
  db.run("UPDATE warm SET until_ms = until_ms + ?", byMs);
  db.run("UPDATE moves SET kept_until_ms = kept_until_ms + ?", byMs);
  db.run("UPDATE sessions SET started_at_ms = started_at_ms + ?", byMs);
  db.run("UPDATE runs SET started_at_ms = started_at_ms + ? WHERE end IS NULL", byMs);
  const now = clock.now();
  // Servers that are gone count as well, as long as they may be part of a burst.
  db.run(
    `UPDATE taints SET tainted_at_ms = tainted_at_ms + ?1, taken_at_ms = taken_at_ms + ?1,
       finding = json_set(finding, '$.atMs', json_extract(finding, '$.atMs') + ?1)
       WHERE over_at_ms IS NULL OR tainted_at_ms > ?2`,
    ...[byMs, Math.min(now, now + byMs) - burstMs],
  );
  log.append({
    service: undefined,
    kind: "clock.stepped",
    message: `${what}. All that was running has as much time left as before.`,
    data: { byMs },
  });
}
