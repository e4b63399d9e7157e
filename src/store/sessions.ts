import { type Actor, actorName } from "../domain/access/actor.ts";
import type { ServerId, ServiceKey } from "../domain/ids.ts";
import type { ProcessRef } from "../lib/process/proc.ts";
import type { Database } from "./sqlite/database.ts";
import { insertTaint, type NewTaint, replaceReported } from "./taints.ts";
import type { Workbench } from "./workbench.ts";

/** People in servers. */
export interface SessionStore {
  /**
   * Someone is about to be let into a server: from here on its taint, if it is to have one, is held. Returns the
   * session's number.
   */
  openSession(session: NewSession): number;
  /** False when it is known to be over. */
  endSession(id: number, end: SessionEnd): boolean;
  /** Those that are not over, the oldest first. */
  sessions(): readonly OpenSession[];
}

export function sessionStore(bench: Workbench): SessionStore {
  const { db } = bench;
  return {
    openSession: (session) => db.transaction(() => insertSession(bench, session)),
    endSession: (id, end) => db.transaction(() => deleteSession(bench, id, end)),
    sessions: () => selectSessions(db),
  };
}

/** What is recorded before someone is let into a server. */
export interface NewSession {
  readonly service: ServiceKey;
  readonly server: ServerId;
  readonly actor: Actor;
  readonly reason: string;
  readonly command: readonly string[];
  /** The session ends with it at the latest. */
  readonly process: ProcessRef;
  /** Undefined where the server is made for that. */
  readonly taint: Omit<NewTaint, "service"> | undefined;
}

/** Someone is in a server. */
export interface OpenSession {
  readonly id: number;
  readonly service: ServiceKey;
  readonly server: ServerId;
  readonly by: string;
  readonly process: ProcessRef;
  readonly startedAtMs: number;
}

/** How a session ended. */
export interface SessionEnd {
  /** Of its command; undefined when no controller was there to see it. */
  readonly exitCode: number | undefined;
  /** The end of a sentence: `ended with exit code 0`. */
  readonly reason: string;
}

interface SessionRow {
  readonly id: number;
  readonly service: string;
  readonly server: string;
  readonly by: string;
  readonly pid: number;
  readonly start_ticks: number;
  readonly started_at_ms: number;
}

function insertSession(bench: Workbench, session: NewSession): number {
  const { db, log, clock } = bench;
  const { service, server, actor, reason, command, process, taint } = session;
  const by = actorName(actor);
  db.run(
    "INSERT INTO sessions (service, server, by, pid, start_ticks, started_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
    ...[service, server, by, process.pid, process.startTicks, clock.now()],
  );
  const id = db.get<{ readonly id: number }>("SELECT max(id) AS id FROM sessions")?.id ?? 0;
  log.append({
    service,
    kind: "exec.started",
    message: `${by} runs ${command[0] ?? ""} in ${server}: ${reason}`,
    data: { server, session: id, actor, reason, command },
  });
  if (taint !== undefined && !insertTaint(bench, { service, ...taint })) replaceReported(bench, server);
  return id;
}

function deleteSession({ db, log, clock }: Workbench, id: number, end: SessionEnd): boolean {
  const row = db.get<SessionRow>("SELECT * FROM sessions WHERE id = ?", id);
  if (row === undefined) return false;
  db.run("DELETE FROM sessions WHERE id = ?", id);
  const { service, server, by } = row;
  // Only now is it to be frozen: the time that this may take begins.
  const sql = "UPDATE taints SET taken_at_ms = ? WHERE server = ? AND over_at_ms IS NULL AND taken_at_ms > 0";
  db.run(sql, clock.now(), server);
  const { exitCode, reason } = end;
  log.append({
    service,
    kind: "exec.ended",
    message: `The session of ${by} in ${server} ${reason}.`,
    data: { server, session: id, by, reason, ...(exitCode === undefined ? {} : { exitCode }) },
  });
  return true;
}

function selectSessions(db: Database): readonly OpenSession[] {
  return db.all<SessionRow>("SELECT * FROM sessions ORDER BY id").map(toOpen);
}

function toOpen(row: SessionRow): OpenSession {
  const { id, service, server, by, pid, start_ticks, started_at_ms } = row;
  return { id, service, server, by, process: { pid, startTicks: start_ticks }, startedAtMs: started_at_ms };
}
