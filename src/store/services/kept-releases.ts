import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import type { ServiceKey } from "../../domain/ids.ts";
import type { KeptRelease } from "../../domain/rollout/release.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import type { Workbench } from "../workbench.ts";
import { requireService } from "./services.ts";

interface KeepRow {
  readonly number: number;
  readonly kept_at_ms: number;
  readonly kept_by: string;
  readonly kept_because: string | null;
}

/** The releases that people keep, by their numbers. */
export function selectKept(db: Database, service: ServiceKey): ReadonlyMap<number, KeptRelease> {
  const rows = db.all<KeepRow>(
    "SELECT number, kept_at_ms, kept_by, kept_because FROM releases WHERE service = ? AND kept_at_ms IS NOT NULL",
    service,
  );
  return new Map(
    rows.map(({ number, kept_at_ms, kept_by, kept_because }) => [
      number,
      { atMs: kept_at_ms, by: kept_by, reason: kept_because ?? undefined },
    ]),
  );
}

/** Whether anything has changed. Throws `service_unknown`, `release_unknown`. */
export function keepRelease(
  { db, log, clock }: Workbench,
  {
    service,
    release,
    keep,
  }: { readonly service: ServiceKey; readonly release: number; readonly keep: boolean },
  by: Asker,
): boolean {
  requireRelease(db, service, release);
  if (selectKept(db, service).has(release) === keep) return false;
  const given = keep ? [clock.now(), askerName(by), by.reason ?? null] : [null, null, null];
  db.run(
    "UPDATE releases SET kept_at_ms = ?, kept_by = ?, kept_because = ? WHERE service = ? AND number = ?",
    ...[...given, service, release],
  );
  const does = keep ? "keeps" : "no longer keeps";
  log.append({
    service,
    kind: keep ? "release.kept" : "release.unkept",
    message: `${askerName(by)} ${does} release ${release} of ${service}${why(by)}`,
    data: { release, ...askerData(by) },
  });
  return true;
}

function requireRelease(db: Database, service: ServiceKey, release: number): void {
  requireService(db, service);
  const rows = db.all<{ readonly number: number }>(
    "SELECT number FROM releases WHERE service = ? ORDER BY number",
    service,
  );
  const numbers = rows.map(({ number }) => number);
  if (numbers.includes(release)) return;
  throw new KilnError("release_unknown", `${service} has no release ${release}, or it was pruned.`, {
    hint: `There are: ${numbers.join(", ") || "none"}.`,
  });
}
