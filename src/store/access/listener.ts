import { z } from "zod";
import { type Asker, askerData, askerName, why } from "../../domain/access/actor.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";
import type { Workbench } from "../workbench.ts";

const readNames = jsonColumn("access_listener.names", z.array(z.string()));

/** Where the controller listens for the network, and by which names it is known there. */
export interface ListenAddress {
  readonly address: string;
  readonly names: readonly string[];
}

/** Undefined: it does not. */
export function selectListener(db: Database): ListenAddress | undefined {
  const row = db.get<{ readonly address: string; readonly names: string }>("SELECT * FROM access_listener");
  return row && { address: row.address, names: readNames(row.names) };
}

export function setListener(
  { db, log }: Workbench,
  { address, names }: ListenAddress,
  pin: string,
  by: Asker,
): void {
  db.run("DELETE FROM access_listener");
  db.run("INSERT INTO access_listener (one, address, names) VALUES (1, ?, ?)", address, canonicalJson(names));
  log.append({
    service: undefined,
    kind: "access.listening",
    message: `${askerName(by)} let the controller listen at ${address}${why(by)}`,
    data: { address, names, pin, ...askerData(by) },
  });
}

/** False when it did not listen. */
export function removeListener({ db, log }: Workbench, by: Asker): boolean {
  if (db.run("DELETE FROM access_listener").changes === 0) return false;
  log.append({
    service: undefined,
    kind: "access.closed",
    message: `${askerName(by)} closed the controller to the network${why(by)}`,
    data: askerData(by),
  });
  return true;
}
