import { z } from "zod";
import type { ServiceKey } from "../domain/ids.ts";
import { latency, trafficCounter } from "../domain/schema/traffic.ts";
import type { TargetName } from "../domain/target.ts";
import {
  addSpans,
  asHour,
  hourMs,
  minuteMs,
  type TrafficCounter,
  type TrafficSpan,
} from "../domain/traffic/traffic.ts";
import { canonicalJson } from "../lib/canonical-json.ts";
import type { Database } from "./sqlite/database.ts";
import type { Workbench } from "./workbench.ts";

/** What releases answered. */
export interface TrafficStore {
  /**
   * Adds to what is known of releases' traffic, and remembers the counters it was computed from. It is bounded: minutes
   * become hours after two days, hours are forgotten after 400 days. No event reports it.
   */
  recordTraffic(target: TargetName, spans: readonly TrafficSpan[], counters: readonly TrafficCounter[]): void;
  /** The counters of the target that were given last. */
  trafficReading(target: TargetName): readonly TrafficCounter[];
  /** What is known of a service's traffic within these moments, by minute or hour and release; oldest first. */
  traffic(
    service: ServiceKey,
    within: { readonly sinceMs: number; readonly untilMs: number },
  ): readonly TrafficSpan[];
}

export function trafficStore({ db, clock }: Workbench): TrafficStore {
  return {
    recordTraffic: (target, spans, counters) =>
      db.transaction(() => recordTraffic(db, target, spans, counters, clock.now())),
    trafficReading: (target) => selectReading(db, target),
    traffic: (service, within) => selectTraffic(db, service, within),
  };
}

/** Minutes become hours after two days, or earlier when more of them are there than a database should hold (some 50 MB). */
const kept = { minutesForMs: 48 * hourMs, minuteRows: 300_000, hoursForMs: 400 * 24 * hourMs };

/** How much one call turns into hours: many services, or a controller that was away, must not hold up everything else. */
const rolledUpAtOnce = 5_000;

const reading = z.array(trafficCounter);

interface SpanRow {
  readonly service: string;
  readonly release: number;
  readonly at_ms: number;
  readonly span_ms: number;
  readonly requests: number;
  readonly errors: number;
  readonly latency: string;
  readonly least_ready: number;
  readonly minutes: number;
  readonly ready_minutes: number;
}

/** Adds what was seen to what is there, keeps the reading that the next one is compared with, and keeps the bounds. */
function recordTraffic(
  db: Database,
  target: TargetName,
  spans: readonly TrafficSpan[],
  counters: readonly TrafficCounter[],
  nowMs: number,
): void {
  for (const span of spans) addSpan(db, span);
  db.run(
    "INSERT OR REPLACE INTO traffic_readings (target, counters) VALUES (?, ?)",
    ...[target, canonicalJson(counters)],
  );
  rollUp(db, nowMs);
  db.run("DELETE FROM traffic WHERE span_ms = ? AND at_ms < ?", hourMs, nowMs - kept.hoursForMs);
}

/** The counters of the target as they were when its traffic was last recorded. */
function selectReading(db: Database, target: TargetName): readonly TrafficCounter[] {
  const row = db.get<{ readonly counters: string }>(
    "SELECT counters FROM traffic_readings WHERE target = ?",
    target,
  );
  return row === undefined ? [] : reading.parse(JSON.parse(row.counters));
}

/** All spans of a service that begin within these moments, oldest first. */
function selectTraffic(
  db: Database,
  service: ServiceKey,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
): readonly TrafficSpan[] {
  return db
    .all<SpanRow>(
      "SELECT * FROM traffic WHERE service = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, release",
      ...[service, sinceMs, untilMs],
    )
    .map(toSpan);
}

function addSpan(db: Database, span: TrafficSpan): void {
  const { service, release, atMs, spanMs } = span;
  const present = db.get<SpanRow>(
    "SELECT * FROM traffic WHERE service = ? AND release = ? AND span_ms = ? AND at_ms = ?",
    ...[service, release, spanMs, atMs],
  );
  const sum = present === undefined ? span : addSpans(toSpan(present), span);
  db.run(
    `INSERT OR REPLACE INTO traffic (service, release, at_ms, span_ms, requests, errors, latency, least_ready, minutes, ready_minutes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[service, release, atMs, spanMs, sum.requests, sum.errors, canonicalJson(withoutEnd(sum.latency))],
    ...[sum.leastReady, sum.minutes, sum.readyMinutes],
  );
}

/** Most classes of response times are empty, the ones for slow answers first of all. */
function withoutEnd(latency: readonly number[]): readonly number[] {
  return latency.slice(0, latency.findLastIndex((count) => count > 0) + 1);
}

function rollUp(db: Database, nowMs: number): void {
  const surplus = db.get<{ readonly at_ms: number }>(
    "SELECT at_ms FROM traffic WHERE span_ms = ? ORDER BY at_ms DESC LIMIT 1 OFFSET ?",
    ...[minuteMs, kept.minuteRows],
  );
  const beforeMs = Math.max(nowMs - kept.minutesForMs, (surplus?.at_ms ?? 0) + 1);
  const old = db.all<SpanRow>(
    "SELECT * FROM traffic WHERE span_ms = ? AND at_ms < ? ORDER BY at_ms LIMIT ?",
    ...[minuteMs, beforeMs, rolledUpAtOnce],
  );
  for (const row of old) {
    addSpan(db, asHour(toSpan(row)));
    db.run(
      "DELETE FROM traffic WHERE service = ? AND release = ? AND span_ms = ? AND at_ms = ?",
      ...[row.service, row.release, minuteMs, row.at_ms],
    );
  }
}

function toSpan(row: SpanRow): TrafficSpan {
  return {
    ...{ service: row.service, release: row.release, atMs: row.at_ms },
    spanMs: row.span_ms === hourMs ? hourMs : minuteMs,
    ...{ requests: row.requests, errors: row.errors, latency: latency.parse(JSON.parse(row.latency)) },
    ...{ leastReady: row.least_ready, minutes: row.minutes, readyMinutes: row.ready_minutes },
  };
}
