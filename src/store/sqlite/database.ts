import { strict as assert } from "node:assert";
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { isErrno, KilnError } from "../../lib/errors.ts";

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const sqlite = { busy: 5, locked: 6, corrupt: 11, full: 13, notADatabase: 26 } as const;

/** Calls are synchronous: while one waits for another program, everything else waits as well. */
const busyTimeoutMs = 1_000;

/**
 * One SQLite file with prepared statements kept by their text. Rows come back as the caller types them: the tables
 * are STRICT, so a column's type is what its migration says.
 */
export class Database implements Disposable {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #afterCommit: (() => void)[] = [];
  #transactions = 0;

  /** Opens or makes the file. Throws `state_corrupt`, `state_held`, `disk_full`. */
  constructor(path: string) {
    this.path = path;
    ensurePrivateFile(path);
    this.#connection = this.#translate(() => new DatabaseSync(path, { timeout: busyTimeoutMs }));
    try {
      this.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): readonly Row[] {
    return this.#translate(() => this.#prepared(sql).all(...values) as unknown as readonly Row[]);
  }

  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#translate(() => this.#prepared(sql).get(...values) as unknown as Row | undefined);
  }

  /** Row by row, for results that may be too large to hold. */
  *each<Row>(sql: string, ...values: SQLInputValue[]): Generator<Row> {
    const rows = this.#translate(() => this.#prepared(sql).iterate(...values));
    try {
      while (true) {
        const next = this.#translate(() => rows.next());
        if (next.done) return;
        yield next.value as unknown as Row;
      }
    } finally {
      rows.return?.(); // a statement left in the middle would keep its snapshot, and the WAL would grow
    }
  }

  /** How many rows it changed, and the row id of the last one inserted. */
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly id: number } {
    const result = this.#translate(() => this.#prepared(sql).run(...values));
    return { changes: Number(result.changes), id: Number(result.lastInsertRowid) };
  }

  /** Several statements without values: migrations and pragmas. */
  exec(sql: string): void {
    this.#translate(() => this.#connection.exec(sql));
  }

  /**
   * All of `work` or nothing. Inside another transaction it is a part of that one. IMMEDIATE, because a transaction
   * that reads first and writes later could otherwise find its reads outdated (https://www.sqlite.org/lang_transaction.html).
   */
  transaction<Result>(work: () => Result): Result {
    if (this.#connection.isTransaction) return work();
    this.exec("BEGIN IMMEDIATE");
    this.#transactions += 1;
    const result = this.#committed(work);
    for (const then of this.#afterCommit.splice(0)) then();
    return result;
  }

  /** Does the work as a transaction would, and then takes all of it back: what it returns is what would have been. */
  rehearsal<Result>(work: () => Result): Result {
    assert.ok(!this.#connection.isTransaction, "a transaction would be taken back with the rehearsal");
    this.exec("BEGIN IMMEDIATE");
    this.#transactions += 1;
    try {
      return work();
    } finally {
      this.#takeBack();
    }
  }

  /** Differs from one outermost transaction to the next. */
  get transactionNumber(): number {
    return this.#transactions;
  }

  /** Differs once another connection has changed the database (https://www.sqlite.org/pragma.html#pragma_data_version). */
  dataVersion(): number {
    return this.get<{ readonly data_version: number }>("PRAGMA data_version")?.data_version ?? 0;
  }

  /** Runs `then` once the present transaction is on the disk; never if it is rolled back. There must be one. */
  afterCommit(then: () => void): void {
    assert.ok(this.#connection.isTransaction, "there is no transaction whose commit could be waited for");
    this.#afterCommit.push(then);
  }

  close(): void {
    if (this.#connection.isOpen) this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #committed<Result>(work: () => Result): Result {
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      this.#takeBack();
      throw error;
    }
  }

  #takeBack(): void {
    this.#afterCommit.length = 0;
    // SQLite has already rolled back by itself after some errors, a full disk among them.
    if (this.#connection.isTransaction) this.exec("ROLLBACK");
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #translate<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw translated(error, this.path);
    }
  }
}

/**
 * Makes the file for its owner alone, and takes rights away that others may have got. SQLite gives `-wal` and `-shm`
 * the mode of the database file.
 */
function ensurePrivateFile(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
}

/** The database's version (`PRAGMA user_version`), read without changing anything; 0 when there is no file yet. */
export function readVersion(path: string): number {
  try {
    using connection = new DatabaseSync(path, { readOnly: true, timeout: busyTimeoutMs });
    return Number(connection.prepare("PRAGMA user_version").get()?.user_version ?? 0);
  } catch (error) {
    if (primaryCode(error) === 14) return 0; // SQLITE_CANTOPEN: not there; if that is not why, opening it to write tells
    throw translated(error, path);
  }
}

/** The user's words for what SQLite reports; anything else is returned as it is. */
function translated(error: unknown, path: string): unknown {
  switch (primaryCode(error)) {
    case sqlite.corrupt:
    case sqlite.notADatabase:
      return corrupt(path, error);
    case sqlite.full:
      return new KilnError("disk_full", `No space left on the disk for ${path}.`, {
        hint: "Free some space (`kiln gc` removes unused images), then repeat the command.",
        cause: error,
        retry: true,
      });
    case sqlite.busy:
    case sqlite.locked:
      return new KilnError("state_held", `Another program holds ${path}.`, {
        hint: "Close the program that has the database open, then repeat the command.",
        cause: error,
        retry: true,
      });
    default:
      return error;
  }
}

/** The fault of a database whose content is damaged, with its remedy. */
export function corrupt(path: string, cause: unknown): KilnError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new KilnError("state_corrupt", `The state database ${path} is damaged: ${detail}.`, {
    hint: `Running servers are not touched. Restore ${path} from a backup, or move it away (with its -wal and -shm files) to start again with an empty one.`,
    cause,
  });
}

function primaryCode(error: unknown): number | undefined {
  if (!isErrno(error, "ERR_SQLITE_ERROR")) return undefined;
  const code = (error as { readonly errcode?: unknown }).errcode;
  return typeof code === "number" ? code & 0xff : undefined;
}
