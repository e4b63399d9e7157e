import type { ServiceKey } from "../../domain/ids.ts";
import type { WarmRelease } from "../../domain/rollout/rollout.ts";
import type { Database } from "../sqlite/database.ts";

interface WarmRow {
  readonly service: string;
  readonly release: number;
  readonly until_ms: number;
}

export function selectWarm(db: Database, service: ServiceKey): readonly WarmRelease[] {
  return db.all<WarmRow>("SELECT * FROM warm WHERE service = ? ORDER BY release", service).map(toWarm);
}

export function selectAllWarm(db: Database): readonly (WarmRelease & { readonly service: ServiceKey })[] {
  return db
    .all<WarmRow>("SELECT * FROM warm ORDER BY service, release")
    .map((row) => ({ service: row.service, ...toWarm(row) }));
}

/** These and no others are warm from now on. */
export function replaceWarm(db: Database, service: ServiceKey, warm: readonly WarmRelease[]): void {
  db.run("DELETE FROM warm WHERE service = ?", service);
  for (const { release, untilMs } of warm) {
    db.run("INSERT INTO warm (service, release, until_ms) VALUES (?, ?, ?)", service, release, untilMs);
  }
}

/** False when it was not warm. */
export function deleteWarm(db: Database, service: ServiceKey, release: number): boolean {
  return db.run("DELETE FROM warm WHERE service = ? AND release = ?", service, release).changes > 0;
}

function toWarm(row: WarmRow): WarmRelease {
  return { release: row.release, untilMs: row.until_ms };
}
