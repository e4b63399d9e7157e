import type { ServiceKey } from "../../domain/ids.ts";
import type { Move } from "../../domain/rollout/move.ts";
import type { Database } from "../sqlite/database.ts";

interface MoveRow {
  readonly service: string;
  readonly target: string;
  readonly release: number;
  readonly shared: number;
  readonly handed_over_at_ms: number | null;
  readonly kept_until_ms: number | null;
}

export function selectMove(db: Database, service: ServiceKey): Move | undefined {
  const row = db.get<MoveRow>("SELECT * FROM moves WHERE service = ?", service);
  return row && toMove(row);
}

export function selectAllMoves(db: Database): ReadonlyMap<ServiceKey, Move> {
  return new Map(db.all<MoveRow>("SELECT * FROM moves").map((row) => [row.service, toMove(row)]));
}

/** Makes the record, or replaces the one that is there. */
export function upsertMove(db: Database, service: ServiceKey, move: Move): void {
  const { target, release, shared, handedOverAtMs, keptUntilMs } = move;
  db.run(
    `INSERT OR REPLACE INTO moves (service, target, release, shared, handed_over_at_ms, kept_until_ms)
     VALUES (?, ?, ?, ?, ?, ?)`,
    ...[service, target, release, shared ? 1 : 0, handedOverAtMs ?? null, keptUntilMs ?? null],
  );
}

export function deleteMove(db: Database, service: ServiceKey): void {
  db.run("DELETE FROM moves WHERE service = ?", service);
}

function toMove(row: MoveRow): Move {
  return {
    target: row.target,
    release: row.release,
    shared: row.shared !== 0,
    handedOverAtMs: row.handed_over_at_ms ?? undefined,
    keptUntilMs: row.kept_until_ms ?? undefined,
  };
}
