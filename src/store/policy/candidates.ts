import { type Asker, askerData, askerName } from "../../domain/access/actor.ts";
import type { NewCandidate, PromotionCandidate } from "../../domain/policy/candidate.ts";
import { candidateParts } from "../../domain/schema/candidate.ts";
import { origin } from "../../domain/schema/rollout.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

const read = {
  origin: jsonColumn("candidates.origin", origin),
  ladder: jsonColumn("candidates.ladder", candidateParts.ladder),
  rungs: jsonColumn("candidates.rungs", candidateParts.rungs),
};

interface CandidateRow {
  readonly id: number;
  readonly service: string;
  readonly image: string;
  readonly version: string;
  readonly origin: string | null;
  readonly ladder: string;
  readonly rungs: string;
  readonly created_at_ms: number;
  readonly created_by: string;
}

/** Of each service; older ones are forgotten, and their images may go. */
const kept = 10;

/** Newest first; of one service (its own name) or of all. */
export function selectCandidates(db: Database, service?: string): readonly PromotionCandidate[] {
  const rows =
    service === undefined
      ? db.all<CandidateRow>("SELECT * FROM candidates ORDER BY id DESC")
      : db.all<CandidateRow>("SELECT * FROM candidates WHERE service = ? ORDER BY id DESC", service);
  return rows.map(toCandidate);
}

/** The newest one when it is the same in all but its origin. */
export function insertCandidate(
  { db, log, clock }: Workbench,
  { service, image, version, origin: from, ladder, rungs }: NewCandidate,
  by: Asker,
): PromotionCandidate {
  const parts = { service, image, version, ladder: canonicalJson(ladder), rungs: canonicalJson(rungs) };
  const newest = db.get<CandidateRow>(
    "SELECT * FROM candidates WHERE service = ? ORDER BY id DESC LIMIT 1",
    service,
  );
  const isSame =
    newest?.image === image &&
    newest.version === version &&
    newest.ladder === parts.ladder &&
    newest.rungs === parts.rungs;
  if (newest !== undefined && isSame) return toCandidate(newest);
  const created = { createdAtMs: clock.now(), createdBy: askerName(by) };
  const { id } = db.run(
    "INSERT INTO candidates (service, image, version, origin, ladder, rungs, created_at_ms, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    ...[service, image, version, from === undefined ? null : canonicalJson(from)],
    ...[parts.ladder, parts.rungs, created.createdAtMs, created.createdBy],
  );
  db.run(
    "DELETE FROM candidates WHERE service = ?1 AND id NOT IN (SELECT id FROM candidates WHERE service = ?1 ORDER BY id DESC LIMIT ?2)",
    ...[service, kept],
  );
  log.append({
    service: undefined,
    kind: "candidate.created",
    message: `Candidate ${id} of ${service} was made from version ${version}, for ${Object.keys(rungs).join(", ")}.`,
    data: { candidate: id, of: service, version, image, environments: Object.keys(rungs), ...askerData(by) },
  });
  return { id, service, image, version, origin: from, ladder, rungs, ...created };
}

function toCandidate(row: CandidateRow): PromotionCandidate {
  const { id, service, image, version } = row;
  return {
    ...{ id, service, image, version },
    origin: row.origin === null ? undefined : read.origin(row.origin),
    ladder: read.ladder(row.ladder),
    rungs: read.rungs(row.rungs),
    createdAtMs: row.created_at_ms,
    createdBy: row.created_by,
  };
}
