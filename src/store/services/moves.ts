import type { ServiceKey } from "../../domain/ids.ts";
import type { GivenUp, Move } from "../../domain/rollout/rollout.ts";
import type { TargetName } from "../../domain/target.ts";
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

export function selectGivenUp(db: Database, service: ServiceKey): readonly GivenUp[] {
  return selectAllGivenUp(db).get(service) ?? [];
}

export function selectAllGivenUp(db: Database): ReadonlyMap<ServiceKey, readonly GivenUp[]> {
  const rows = db.all<Omit<MoveRow, "kept_until_ms">>("SELECT * FROM given_up ORDER BY service, target");
  const byService = Map.groupBy(rows, ({ service }) => service);
  const toGivenUp = ({ target, release, shared }: (typeof rows)[number]) => ({
    ...{ target, release, shared: shared !== 0 },
  });
  return new Map([...byService].map(([service, of]) => [service, of.map(toGivenUp)]));
}

export function insertGivenUp(db: Database, service: ServiceKey, { target, release, shared }: GivenUp): void {
  db.run(
    "INSERT INTO given_up (service, target, release, shared) VALUES (?, ?, ?, ?)",
    ...[service, target, release, shared ? 1 : 0],
  );
}

export function deleteGivenUp(db: Database, service: ServiceKey, target: TargetName): void {
  db.run("DELETE FROM given_up WHERE service = ? AND target = ?", service, target);
}

function toMove(row: MoveRow): Move {
  return {
    target: row.target,
    release: row.release,
    shared: row.shared !== 0,
    keptUntilMs: row.kept_until_ms ?? undefined,
  };
}
