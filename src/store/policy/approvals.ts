import { type Asker, askerData, askerName, personOf, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { Approval } from "../../domain/policy/policy.ts";
import { person } from "../../domain/schema/policy.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

const readPerson = jsonColumn("approvals.person", person);

interface ApprovalRow {
  readonly service: string | null;
  readonly approved_by: string;
  readonly person: string;
  readonly at_ms: number;
}

/** A plan, by its digest, and perhaps the only service that it may be of. */
export interface Approved {
  readonly plan: string;
  readonly service?: ServiceKey | undefined;
}

/** Longer than any policy lets one count. */
const keptMs = 31 * 86_400_000;

/** Of one plan, the oldest first. */
export function selectApprovals(db: Database, plan: string): readonly Approval[] {
  return db.all<ApprovalRow>("SELECT * FROM approvals WHERE plan = ? ORDER BY id", plan).map((row) => ({
    ...(row.service === null ? {} : { service: row.service }),
    ...{ by: row.approved_by, person: readPerson(row.person), atMs: row.at_ms },
  }));
}

/** Again by the same person: from now on. */
export function insertApproval({ db, log, clock }: Workbench, what: Approved, by: Asker): Approval {
  const { plan, service } = what;
  const only = service === undefined ? {} : { service };
  const approval = { ...only, by: askerName(by), person: personOf(by.actor), atMs: clock.now() };
  db.run("DELETE FROM approvals WHERE at_ms < ?", approval.atMs - keptMs);
  db.run(
    "INSERT INTO approvals (plan, service, approved_by, person, at_ms) VALUES (?, ?, ?, ?, ?)",
    ...[plan, service ?? null, approval.by, canonicalJson(approval.person), approval.atMs],
  );
  log.append({
    service,
    kind: "plan.approved",
    message: `${approval.by} approved the plan ${plan}${why(by)}`,
    data: { plan, ...askerData(by) },
  });
  return approval;
}
