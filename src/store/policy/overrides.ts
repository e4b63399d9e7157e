import { type Asker, askerData, askerName, isSamePerson, personOf } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import { type Admission, refusing } from "../../domain/policy/admission.ts";
import type { Override } from "../../domain/policy/policy.ts";
import type { Rollout } from "../../domain/rollout/rollout.ts";
import { againstPolicies, person } from "../../domain/schema/policy.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

const readPerson = jsonColumn("overrides.person", person);
const readAgainst = jsonColumn("overrides.against", againstPolicies);

interface OverrideRow {
  readonly rollout: number;
  readonly service: string;
  readonly overridden_by: string;
  readonly person: string;
  readonly reason: string;
  readonly at_ms: number;
  readonly against: string;
  readonly reviewed_by: string | null;
  readonly review_reason: string | null;
  readonly reviewed_at_ms: number | null;
}

/** Newest first, with reviews; of one service or of all. */
export function selectOverrides(db: Database, service?: ServiceKey): readonly Override[] {
  const rows =
    service === undefined
      ? db.all<OverrideRow>("SELECT * FROM overrides ORDER BY rollout DESC")
      : db.all<OverrideRow>("SELECT * FROM overrides WHERE service = ? ORDER BY rollout DESC", service);
  return rows.map(toOverride);
}

/** What someone let through by this rollout. */
export function insertOverride(
  { db, log, clock }: Workbench,
  { id, service }: Pick<Rollout, "id" | "service">,
  { rules }: Admission,
  by: Asker,
): void {
  const { reason = "" } = by;
  const against = refusing(rules).map(({ because, place }) => `${because} (${place})`);
  db.run(
    "INSERT INTO overrides (rollout, service, overridden_by, person, reason, at_ms, against) VALUES (?, ?, ?, ?, ?, ?, ?)",
    ...[id, service, askerName(by), canonicalJson(personOf(by.actor)), reason],
    ...[clock.now(), canonicalJson(against)],
  );
  log.append({
    service,
    kind: "policy.overridden",
    message: `${askerName(by)} began rollout ${id} of ${service} against policies: ${reason}`,
    data: { rollout: id, against, ...askerData(by) },
  });
}

/** Throws `override_unknown`, and `review_refused` for the person who has overridden, and for a second review. */
export function reviewOverride(
  { db, log, clock }: Workbench,
  rollout: number,
  reason: string,
  by: Asker,
): Override {
  const found = selectOverrides(db).find((override) => override.rollout === rollout);
  if (found === undefined) {
    throw new KilnError("override_unknown", `Rollout ${rollout} did not begin against policies.`, {
      hint: "`kiln policy show` lists the rollouts that did.",
    });
  }
  requireReviewer(found, by);
  const review = { by: askerName(by), reason, atMs: clock.now() };
  db.run(
    "UPDATE overrides SET reviewed_by = ?, review_reason = ?, reviewed_at_ms = ? WHERE rollout = ?",
    ...[review.by, reason, review.atMs, rollout],
  );
  log.append({
    service: found.service,
    kind: "policy.reviewed",
    message: `${review.by} reviewed rollout ${rollout} of ${found.service}, which ${found.by} had begun against policies: ${reason}`,
    data: { rollout, ...askerData({ ...by, reason }) },
  });
  return { ...found, review };
}

function requireReviewer({ rollout, by, person, review }: Override, asker: Asker): void {
  if (review !== undefined) {
    throw new KilnError("review_refused", `${review.by} has reviewed rollout ${rollout} already.`);
  }
  if (isSamePerson(person, personOf(asker.actor))) {
    throw new KilnError(
      "review_refused",
      `${by} began rollout ${rollout} against policies and cannot review it; expected another person.`,
      { hint: "Ask someone else to run `kiln review` under a login of their own." },
    );
  }
}

function toOverride(row: OverrideRow): Override {
  const { reviewed_by: by, review_reason: reason, reviewed_at_ms: atMs } = row;
  return {
    rollout: row.rollout,
    service: row.service,
    by: row.overridden_by,
    person: readPerson(row.person),
    reason: row.reason,
    atMs: row.at_ms,
    against: readAgainst(row.against),
    review: by === null || atMs === null ? undefined : { by, reason: reason ?? "", atMs },
  };
}
