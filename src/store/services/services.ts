import type { ServiceKey } from "../../domain/ids.ts";
import { rolloutPolicy, upkeepPolicy } from "../../domain/schema/spec.ts";
import type { RolloutPolicy } from "../../domain/spec/rollout-policy.ts";
import { defaultUpkeep, type UpkeepPolicy } from "../../domain/spec/upkeep-policy.ts";
import type { TargetName } from "../../domain/target.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import { KilnError } from "../../lib/errors.ts";
import type { Database } from "../sqlite/database.ts";
import { jsonColumn } from "../sqlite/json-column.ts";

const readPolicy = jsonColumn("services.policy", rolloutPolicy);
const readUpkeep = jsonColumn("services.upkeep", upkeepPolicy);

/** What is recorded of a service itself. */
export interface ServiceRecord {
  readonly service: ServiceKey;
  /** Where it serves. */
  readonly target: TargetName;
  readonly count: number;
  /** Of the last deploy. */
  readonly policy: RolloutPolicy;
  /** Of the last deploy too. */
  readonly upkeep: UpkeepPolicy;
  readonly serving: number | undefined;
  /** The highest number that a release of it has had; numbers are never given twice. */
  readonly lastRelease: number;
  readonly removed: boolean;
}

interface ServiceRow {
  readonly key: string;
  readonly target: string;
  readonly count: number;
  readonly policy: string;
  readonly upkeep: string | null;
  readonly serving: number | null;
  readonly last_release: number;
  readonly removed: number;
}

export function selectService(db: Database, service: ServiceKey): ServiceRecord | undefined {
  const row = db.get<ServiceRow>("SELECT * FROM services WHERE key = ?", service);
  return row && toRecord(row);
}

export function selectAllServices(db: Database): readonly ServiceRecord[] {
  return db.all<ServiceRow>("SELECT * FROM services ORDER BY key").map(toRecord);
}

/** The service, if it is there to be changed. Throws `service_unknown`, `service_removing`. */
export function requireService(db: Database, service: ServiceKey): ServiceRecord {
  const record = selectService(db, service);
  if (record === undefined) throw unknownService(service);
  if (record.removed) throw removing(service);
  return record;
}

/** Makes the record, or replaces the one that is there. */
export function upsertService(db: Database, record: ServiceRecord): void {
  db.run(
    `INSERT INTO services (key, target, count, policy, upkeep, serving, last_release, removed)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET target = excluded.target, count = excluded.count, policy = excluded.policy, upkeep = excluded.upkeep,
       serving = excluded.serving, last_release = excluded.last_release, removed = excluded.removed`,
    ...[
      record.service,
      record.target,
      record.count,
      canonicalJson(record.policy),
      canonicalJson(record.upkeep),
    ],
    ...[record.serving ?? null, record.lastRelease, record.removed ? 1 : 0],
  );
}

/** With its releases, rollouts, warm releases and failures. Its events stay. */
export function deleteService(db: Database, service: ServiceKey): void {
  db.run("DELETE FROM services WHERE key = ?", service);
}

export function unknownService(service: ServiceKey): KilnError {
  return new KilnError("service_unknown", `There is no service ${service}.`, {
    hint: "`kiln status` lists the services; `kiln deploy` makes one.",
  });
}

function removing(service: ServiceKey): KilnError {
  return new KilnError("service_removing", `The service ${service} is being removed.`, {
    hint: "Repeat the command when `kiln status` no longer lists it.",
    retry: true,
  });
}

function toRecord(row: ServiceRow): ServiceRecord {
  return {
    service: row.key,
    target: row.target,
    count: row.count,
    policy: readPolicy(row.policy),
    upkeep: row.upkeep === null ? defaultUpkeep : readUpkeep(row.upkeep),
    serving: row.serving ?? undefined,
    lastRelease: row.last_release,
    removed: row.removed !== 0,
  };
}
