import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import { type Freeze, scopeOf } from "../../domain/policy/policy.ts";
import type { Workbench } from "../workbench.ts";

export interface NewFreeze extends Pick<Freeze, "environment" | "service" | "reason"> {
  /** Undefined: until someone lifts it. */
  readonly forMs: number | undefined;
}

/** One by its number, or all of exactly this scope. */
export type WhichFreezes = { readonly id: number } | Pick<Freeze, "environment" | "service">;

interface FreezeRow {
  readonly id: number;
  readonly environment: string | null;
  readonly service: string | null;
  readonly reason: string;
  readonly frozen_by: string;
  readonly from_ms: number;
  readonly until_ms: number | null;
}

/** Those that hold now, the oldest first. */
export function selectFreezes({ db, clock }: Workbench): readonly Freeze[] {
  return db
    .all<FreezeRow>("SELECT * FROM freezes WHERE ifnull(until_ms > ?, true) ORDER BY id", clock.now())
    .map(toFreeze);
}

export function insertFreeze(
  { db, log, clock }: Workbench,
  { environment, service, reason, forMs }: NewFreeze,
  by: Asker,
): Freeze {
  const fromMs = clock.now();
  const untilMs = forMs === undefined ? undefined : fromMs + forMs;
  const { id } = db.run(
    "INSERT INTO freezes (environment, service, reason, frozen_by, from_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?)",
    ...[environment ?? null, service ?? null, reason, askerName(by), fromMs, untilMs ?? null],
  );
  const freeze = { id, environment, service, reason, by: askerName(by), fromMs, untilMs };
  const until = untilMs === undefined ? "" : ` until ${new Date(untilMs).toISOString()}`;
  log.append({
    service,
    kind: "freeze.began",
    message: `${askerName(by)} froze ${scopeOf(freeze)}${until}: ${reason}`,
    data: { freeze: id, environment, untilMs, ...askerData({ ...by, reason }) },
  });
  return freeze;
}

/** Also forgets those that are over. */
export function deleteFreezes(bench: Workbench, which: WhichFreezes, by: Asker): readonly Freeze[] {
  const { db, log, clock } = bench;
  const lifted = selectFreezes(bench).filter((freeze) =>
    "id" in which
      ? freeze.id === which.id
      : freeze.environment === which.environment && freeze.service === which.service,
  );
  for (const freeze of lifted) {
    db.run("DELETE FROM freezes WHERE id = ?", freeze.id);
    log.append({
      service: freeze.service,
      kind: "freeze.lifted",
      message: `${askerName(by)} lifted the freeze of ${scopeOf(freeze)}${why(by)}`,
      data: { freeze: freeze.id, environment: freeze.environment, ...askerData(by) },
    });
  }
  db.run("DELETE FROM freezes WHERE until_ms <= ?", clock.now());
  return lifted;
}

function toFreeze(row: FreezeRow): Freeze {
  return {
    id: row.id,
    environment: row.environment ?? undefined,
    service: row.service ?? undefined,
    reason: row.reason,
    by: row.frozen_by,
    fromMs: row.from_ms,
    untilMs: row.until_ms ?? undefined,
  };
}
