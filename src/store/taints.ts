import type { Finding } from "../domain/drift/drift.ts";
import type { TaintedServer } from "../domain/drift/taint.ts";
import type { ServerId, ServiceKey } from "../domain/ids.ts";
import { burstMs, suspendedUntilMs } from "../domain/plan/upkeep/drift-response.ts";
import { finding, response } from "../domain/schema/drift.ts";
import type { TargetName } from "../domain/target.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { Database } from "./sqlite/database.ts";
import { jsonColumn } from "./sqlite/json-column.ts";

const readFinding = jsonColumn("taints.finding", finding);

import { selectService } from "./services/services.ts";
import type { Workbench } from "./workbench.ts";

/** Servers that have drifted, and the evidence of it. */
export interface TaintStore {
  /**
   * The mark that drift leaves, for as long as the server is there; with `take` the decision to take it out now. False
   * when it has one already: then nothing is changed.
   */
  taint(taint: NewTaint): boolean;
  /** The tainted server is taken out now. */
  takeTainted(server: ServerId): void;
  /** Evidence is kept under this name, or (undefined) could not be, for this reason. */
  recordEvidence(evidence: KeptEvidence, reason: string): void;
  /** Newest first, also of servers that are gone; of all services without one. */
  taints(service?: ServiceKey): readonly PastTaint[];
}

export function taintStore(bench: Workbench): TaintStore {
  const { db } = bench;
  return {
    taint: (taint) => db.transaction(() => insertTaint(bench, taint)),
    takeTainted: (server) => db.transaction(() => takeTainted(bench, server)),
    recordEvidence: (evidence, reason) => db.transaction(() => recordEvidence(bench, evidence, reason)),
    taints: (service) => selectTaints(db, service),
  };
}

/** What is recorded when drift is found on a server that has no taint. */
export interface NewTaint {
  readonly service: ServiceKey;
  /** Where the server is. Absent: where the service is. */
  readonly target?: TargetName | undefined;
  readonly finding: Finding;
  readonly response: TaintedServer["response"];
  /** Whether it is taken out now; otherwise `why` says what it waits for. */
  readonly take: boolean;
  readonly why: string | undefined;
}

/** What was kept of a server (nothing, without `digest`), and which processes from outside were killed after that. */
export interface KeptEvidence {
  readonly server: ServerId;
  readonly digest: string | undefined;
  readonly killed?: readonly string[];
}

/** A taint with the service that its server belongs to. */
export interface PastTaint extends TaintedServer {
  readonly service: ServiceKey;
  /** When the server was found to be gone. */
  readonly overAtMs: number | undefined;
}

interface TaintRow {
  readonly service: string;
  readonly target: string | null;
  readonly server: string;
  readonly finding: string;
  readonly response: string;
  readonly tainted_at_ms: number;
  readonly taken_at_ms: number | null;
  readonly evidence_at_ms: number | null;
  readonly evidence: string | null;
  readonly over_at_ms: number | null;
  readonly held: number;
}

const columns = "*, EXISTS (SELECT 1 FROM sessions WHERE sessions.server = taints.server) AS held";

/** More than anyone reads; older ones are in the events. */
const mostTaints = 1000;

/** False, and nothing is recorded, when the server is tainted already, or its service is gone. */
export function insertTaint(bench: Workbench, taint: NewTaint): boolean {
  const { service, finding, response, take, why } = taint;
  const { db, log, clock } = bench;
  const record = selectService(db, service);
  if (record === undefined) return false;
  const { target = record.target } = taint;
  const before = selectSuspension(db) ?? 0;
  const now = clock.now();
  const { changes } = db.run(
    `INSERT INTO taints (service, target, server, finding, response, tainted_at_ms, taken_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
    ...[service, target, finding.server, canonicalJson(finding), response, now, take ? now : null],
  );
  if (changes === 0) return false;
  const { server, release, kind, subject, detail } = finding;
  log.append({
    service,
    kind: "server.tainted",
    message: `${server} is tainted: ${detail}. ${whatFollows(response, take, why)}`,
    data: { server, release, finding: kind, subject, response, taken: take },
  });
  tellSuspension(bench, before);
  return true;
}

function whatFollows(response: TaintedServer["response"], take: boolean, why: string | undefined): string {
  if (response === "report") return "It is only reported, as the service asks.";
  return take ? "It is taken out." : `It is not taken out yet: ${why}.`;
}

/** One event when a burst of drift begins. */
function tellSuspension({ db, log, clock }: Workbench, before: number): void {
  const now = clock.now();
  const until = selectSuspension(db) ?? 0;
  if (before > now || until <= now) return;
  log.append({
    service: undefined,
    kind: "drift.suspended",
    message:
      "Too many servers drift at once: until that is over, Kiln reports drift and takes no server out.",
    data: { untilMs: until },
  });
}

/** Of a server that someone has been let into: it is replaced, whatever Kiln had decided about it before. */
export function replaceReported({ db }: Workbench, server: ServerId): void {
  const sql =
    "UPDATE taints SET response = 'replace' WHERE server = ? AND over_at_ms IS NULL AND response = 'report'";
  db.run(sql, server);
}

/** The decision to take a tainted server out, before it is done. */
function takeTainted({ db, clock }: Workbench, server: ServerId): void {
  db.run(
    "UPDATE taints SET taken_at_ms = ? WHERE server = ? AND over_at_ms IS NULL AND taken_at_ms IS NULL",
    ...[clock.now(), server],
  );
}

/** Once for each taint. */
function recordEvidence(
  { db, log, clock }: Workbench,
  { server, digest, killed = [] }: KeptEvidence,
  reason: string,
): void {
  const { changes } = db.run(
    "UPDATE taints SET evidence_at_ms = ?, evidence = ? WHERE server = ? AND over_at_ms IS NULL AND evidence_at_ms IS NULL",
    ...[clock.now(), digest ?? null, server],
  );
  if (changes === 0) return;
  const service = db.get<{ readonly service: string }>(
    "SELECT service FROM taints WHERE server = ? AND over_at_ms IS NULL",
    server,
  )?.service;
  log.append({
    service,
    kind: digest === undefined ? "evidence.missing" : "evidence.kept",
    message:
      digest === undefined
        ? `No evidence of ${server} could be kept: ${reason}`
        : `The evidence of ${server} is kept: \`kiln evidence show ${server}\` shows it.${whoWasKilled(killed)}`,
    data: {
      server,
      ...(digest === undefined ? { reason } : { digest }),
      ...(killed.length > 0 ? { killed } : {}),
    },
  });
}

function whoWasKilled(killed: readonly string[]): string {
  return killed.length === 0 ? "" : ` Killed, because it was in it from outside: ${killed.join(", ")}.`;
}

/** The server is gone. False when that is known. */
export function endTaint({ db, clock }: Workbench, server: ServerId): boolean {
  const sql = "UPDATE taints SET over_at_ms = ? WHERE server = ? AND over_at_ms IS NULL";
  return db.run(sql, clock.now(), server).changes > 0;
}

/** Of servers that may still be there, the oldest first. */
export function selectOpenTaints(db: Database, service: ServiceKey): readonly TaintedServer[] {
  return db
    .all<TaintRow>(
      `SELECT ${columns} FROM taints WHERE service = ? AND over_at_ms IS NULL ORDER BY id`,
      service,
    )
    .map(toTainted);
}

export function selectAllOpenTaints(
  db: Database,
): readonly { readonly service: ServiceKey; readonly taint: TaintedServer }[] {
  return db
    .all<TaintRow>(`SELECT ${columns} FROM taints WHERE over_at_ms IS NULL ORDER BY id`)
    .map((row) => ({ service: row.service, taint: toTainted(row) }));
}

/** Newest first. */
function selectTaints(db: Database, service: ServiceKey | undefined): readonly PastTaint[] {
  return db
    .all<TaintRow>(
      `SELECT ${columns} FROM taints WHERE ?1 IS NULL OR service = ?1 ORDER BY id DESC LIMIT ?2`,
      service ?? null,
      mostTaints,
    )
    .map((row) => ({ ...toTainted(row), service: row.service, overAtMs: row.over_at_ms ?? undefined }));
}

/** See `suspendedUntilMs`. Times that can't matter any more are not read. */
export function selectSuspension(db: Database): number | undefined {
  const newest = db.get<{ readonly at: number | null }>("SELECT max(tainted_at_ms) AS at FROM taints")?.at;
  if (newest === null || newest === undefined) return undefined;
  const rows = db.all<{ readonly at: number }>(
    "SELECT tainted_at_ms AS at FROM taints WHERE tainted_at_ms > ? AND response <> 'report'",
    newest - burstMs,
  );
  const servers =
    db.get<{ readonly all: number | null }>('SELECT sum(count) AS "all" FROM services')?.all ?? 0;
  return suspendedUntilMs(
    rows.map((row) => row.at),
    servers,
  );
}

function toTainted(row: TaintRow): TaintedServer {
  return {
    server: row.server,
    target: row.target ?? undefined,
    finding: readFinding(row.finding),
    response: response.parse(row.response),
    taintedAtMs: row.tainted_at_ms,
    takenAtMs: row.taken_at_ms ?? undefined,
    evidenceAtMs: row.evidence_at_ms ?? undefined,
    evidence: row.evidence ?? undefined,
    held: row.held !== 0 && row.over_at_ms === null,
  };
}
