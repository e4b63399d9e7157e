import { z } from "zod";
import { type Asker, askerData, askerName, why } from "../domain/access/actor.ts";
import type { ServiceKey } from "../domain/ids.ts";
import type { RecordChange } from "../domain/rollout/actions.ts";
import type { JobEnd } from "../domain/rollout/job-run.ts";
import { namelessJob, type ScheduledRun } from "../domain/rollout/job-run.ts";
import { jobEnd } from "../domain/schema/rollout.ts";
import type { ScheduleSpec } from "../domain/spec/job-spec.ts";
import type { TargetName } from "../domain/target.ts";
import { selectService } from "./services/services.ts";
import type { Database } from "./sqlite/database.ts";
import { jsonColumn } from "./sqlite/json-column.ts";
import type { Workbench } from "./workbench.ts";

/** Schedules, and runs that were asked for. */
export interface RunStore {
  /** Up to when the times of the schedule are decided (Unix time in ms); undefined: it is new, or has become another one. */
  decided(service: ServiceKey, spec: ScheduleSpec): number | undefined;
  /** What has become of times of a schedule. Returns whether a run follows. */
  decideTimes(times: DecidedTimes): boolean;
  /** Forgets what is known of all other schedules of the service. */
  keepSchedules(service: ServiceKey, names: readonly string[]): void;
  /** Returns the run's number. */
  askRun(asked: AskedRun, by: Asker): number;
}

export function runStore(bench: Workbench): RunStore {
  const { db } = bench;
  return {
    decided: (service, spec) => selectDecided(db, service, spec),
    decideTimes: (times) => db.transaction(() => decideTimes(bench, times)),
    keepSchedules: (service, names) => db.transaction(() => keepSchedules(db, service, names)),
    askRun: (asked, by) => db.transaction(() => insertAsked(bench, asked, by)),
  };
}

/** What a person asks for: a command, or the job of this name. */
export interface AskedRun extends Pick<ScheduleSpec, "command" | "deadlineMs" | "keep"> {
  readonly service: ServiceKey;
  readonly release: number;
  /** Absent: a command without a name. */
  readonly job?: string | undefined;
}

/** What has become of the times of a schedule up to `decidedMs`. */
export interface DecidedTimes {
  readonly service: ServiceKey;
  readonly release: number;
  readonly spec: ScheduleSpec;
  readonly decidedMs: number;
  /** The newest of them, which is run unless a run before has not ended and the schedule skips it then. Undefined: none. */
  readonly dueMs: number | undefined;
  /** How many passed without a run in time. */
  readonly missed: number;
}

interface RunRow {
  readonly id: number;
  readonly service: string;
  readonly job: string;
  readonly release: number;
  readonly command: string;
  readonly overlap: string;
  readonly deadline_ms: number;
  readonly keep: number;
  readonly due_at_ms: number | null;
  readonly asked_by: string | null;
  readonly created_at_ms: number;
  readonly started_at_ms: number | null;
  readonly target: string | null;
  readonly end: string | null;
}

const command = jsonColumn("runs.command", z.array(z.string()));
const end = jsonColumn("runs.end", jobEnd);
const overlap = z.enum(["skip", "replace", "allow"]);

/** Oldest first. */
export function selectRuns(db: Database, service: ServiceKey): readonly ScheduledRun[] {
  return db.all<RunRow>("SELECT * FROM runs WHERE service = ? ORDER BY id", service).map(toRun);
}

/** Of every service. */
export function selectAllRuns(db: Database): ReadonlyMap<ServiceKey, readonly ScheduledRun[]> {
  const rows = db.all<RunRow>("SELECT * FROM runs ORDER BY id");
  const byService = Map.groupBy(rows, ({ service }) => service);
  return new Map([...byService].map(([service, of]) => [service, of.map(toRun)]));
}

/** Up to when the times of this schedule are decided; undefined when it is new, or has become another one. */
function selectDecided(db: Database, service: ServiceKey, spec: ScheduleSpec): number | undefined {
  const row = db.get<{ readonly decided_ms: number }>(
    "SELECT decided_ms FROM schedules WHERE service = ? AND job = ? AND schedule = ?",
    ...[service, spec.name, scheduleKey(spec)],
  );
  return row?.decided_ms;
}

/** Records it, in one transaction with the run that follows. Returns whether there is one. */
function decideTimes(bench: Workbench, times: DecidedTimes): boolean {
  const { db, log, clock } = bench;
  const { service, release, spec, decidedMs, dueMs } = times;
  const job = spec.name;
  const told = (kind: string, message: string, data: object) =>
    log.append({ service, kind, message: `Job ${job} of ${service} ${message}.`, data: { job, ...data } });
  const before = selectDecided(db, service, spec);
  if (before !== undefined && before > decidedMs)
    told("job.rescheduled", "counts its times from now on: the clock was set back", { decidedMs, before });
  db.run(
    "INSERT OR REPLACE INTO schedules (service, job, schedule, decided_ms) VALUES (?, ?, ?, ?)",
    ...[service, job, scheduleKey(spec), decidedMs],
  );
  const rows = db.all<RunRow>("SELECT * FROM runs WHERE service = ? AND job = ? ORDER BY id", service, job);
  // A time of a schedule has one run at most, whatever the clock does.
  if (dueMs === undefined || rows.some((row) => row.due_at_ms === dueMs)) return false;
  const open = rows.filter((row) => row.end === null);
  const [underWay] = open;
  const skips = underWay !== undefined && spec.overlap === "skip";
  const overtaken = skips ? [] : open.filter((row) => row.due_at_ms !== null && row.started_at_ms === null);
  const nowMs = clock.now();
  const missed = times.missed + overtaken.length;
  if (missed > 0) {
    const count = missed === 1 ? "one time" : `${missed} times`;
    told("job.missed", `missed ${count}${skips ? "" : "; it runs once now"}`, { missed });
  }
  if (skips) {
    const why = `run ${underWay.id} has not ended`;
    told("job.skipped", `skips a time: ${why}`, { dueAtMs: dueMs, run: underWay.id });
    return false;
  }
  for (const row of overtaken) keepEnd(db, row, { ...neverBegun, atMs: nowMs });
  insert(db, { ...spec, service, release, job, dueAtMs: dueMs, askedBy: null, nowMs });
  return true;
}

/** At most one run of a schedule waits: the next one takes its place. */
const neverBegun: Omit<JobEnd, "atMs"> = {
  ...{ outcome: "stopped", exitCode: undefined, logTail: [] },
  reason: "was missed: the next time came before it could begin",
};

/** Returns the run's number. */
function insertAsked(bench: Workbench, asked: AskedRun, by: Asker): number {
  const { db, log, clock } = bench;
  const { service, job = namelessJob, release } = asked;
  const askedBy = askerName(by);
  const id = insert(db, { ...asked, job, overlap: "allow", dueAtMs: null, askedBy, nowMs: clock.now() });
  log.append({
    service,
    kind: "job.asked",
    message: `${askedBy} runs ${job === namelessJob ? asked.command[0] : `job ${job}`} of ${service}${why(by)}`,
    data: { job, run: id, release, command: asked.command, ...askerData(by) },
  });
  return id;
}

/** What is kept of schedules that the release does not have is forgotten: they would miss times when they come back. */
function keepSchedules(db: Database, service: ServiceKey, names: readonly string[]): void {
  for (const { job } of db.all<{ readonly job: string }>(
    "SELECT job FROM schedules WHERE service = ?",
    service,
  ))
    if (!names.includes(job)) db.run("DELETE FROM schedules WHERE service = ? AND job = ?", service, job);
}

/** False when it has ended. `target`: where it begins; absent: where the service is. */
export function beginRun(
  { db, log }: Workbench,
  { run, atMs }: Change<"run-begun">,
  target?: TargetName,
): boolean {
  const row = selectRow(db, run);
  if (row === undefined || row.end !== null) return false;
  const { service, job, release } = row;
  const where = target ?? selectService(db, service)?.target ?? null;
  db.run("UPDATE runs SET started_at_ms = ?, target = ? WHERE id = ?", atMs, where, run);
  const message = `Job ${job} of ${service} begins run ${run}, with release ${release}.`;
  log.append({ service, kind: "job.started", message, data: { job, run, release, dueAtMs: row.due_at_ms } });
  return true;
}

/** False when it has ended before. Ended runs beyond those that are kept are forgotten. */
export function endRun(
  { db, log }: Workbench,
  { run, end: how }: Change<"run-ended">,
  reason: string,
): boolean {
  const row = selectRow(db, run);
  if (row === undefined || row.end !== null) return false;
  keepEnd(db, row, how);
  const { service, job, release } = row;
  const { exitCode, outcome } = how;
  log.append({
    service,
    kind: `job.${outcome}`,
    message: `Run ${run} of ${service}: ${reason}.`,
    data: { job, run, release, ...(exitCode === undefined ? {} : { exitCode }) },
  });
  return true;
}

function keepEnd(db: Database, { id, service, job, keep }: RunRow, how: JobEnd): void {
  db.run("UPDATE runs SET end = ? WHERE id = ?", JSON.stringify(how), id);
  db.run(
    `DELETE FROM runs WHERE service = ?1 AND job = ?2 AND end IS NOT NULL AND id NOT IN
       (SELECT id FROM runs WHERE service = ?1 AND job = ?2 AND end IS NOT NULL ORDER BY id DESC LIMIT ?3)`,
    ...[service, job, keep],
  );
}

type Change<Kind extends RecordChange["kind"]> = Extract<RecordChange, { readonly kind: Kind }>;

function selectRow(db: Database, id: number): RunRow | undefined {
  return db.get<RunRow>("SELECT * FROM runs WHERE id = ?", id);
}

function insert(
  db: Database,
  run: Omit<AskedRun, "job"> & {
    readonly job: string;
    readonly overlap: ScheduleSpec["overlap"];
    readonly dueAtMs: number | null;
    readonly askedBy: string | null;
    readonly nowMs: number;
  },
): number {
  db.run(
    `INSERT INTO runs (service, job, release, command, overlap, deadline_ms, keep, due_at_ms, asked_by, created_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[
      run.service,
      run.job,
      run.release,
      JSON.stringify(run.command),
      run.overlap,
      run.deadlineMs,
      run.keep,
    ],
    ...[run.dueAtMs, run.askedBy, run.nowMs],
  );
  return db.get<{ readonly id: number }>("SELECT max(id) AS id FROM runs")?.id ?? 0;
}

function toRun(row: RunRow): ScheduledRun {
  return {
    id: row.id,
    job: row.job,
    release: row.release,
    command: command(row.command),
    overlap: overlap.parse(row.overlap),
    deadlineMs: row.deadline_ms,
    dueAtMs: row.due_at_ms ?? undefined,
    askedBy: row.asked_by ?? undefined,
    createdAtMs: row.created_at_ms,
    startedAtMs: row.started_at_ms ?? undefined,
    target: row.target ?? undefined,
    end: row.end === null ? undefined : end(row.end),
  };
}

function scheduleKey({ schedule, timeZone }: ScheduleSpec): string {
  return `${timeZone} ${schedule}`;
}
