import type { ServiceKey } from "../../domain/ids.ts";
import type { Move } from "../../domain/rollout/rollout.ts";
import type { Database } from "../sqlite/database.ts";

interface MoveRow {
  readonly service: string;
  readonly target: string;
  readonly release: number;
  readonly shared: number;
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
  const { target, release, shared, keptUntilMs } = move;
  db.run(
    `INSERT OR REPLACE INTO moves (service, target, release, shared, kept_until_ms)
     VALUES (?, ?, ?, ?, ?)`,
    ...[service, target, release, shared ? 1 : 0, keptUntilMs ?? null],
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
    keptUntilMs: row.kept_until_ms ?? undefined,
  };
}
