import { closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { KilnError } from "../../lib/errors.ts";
import { ensureStateFolder, type StateFolder } from "../../lib/state-folder.ts";
import type { KnownAdvisory, Severity } from "./advisory.ts";
import type { Import } from "./documents.ts";
import type { VexStatement } from "./vex.ts";

/** Where data comes from, and how old it is. */
export interface DataSource {
  /** `archive:bookworm`, `debian-tracker`, `osv`, `vex:ID`. */
  readonly name: string;
  readonly madeAtMs: number;
  readonly importedAtMs: number;
  readonly suites: Import["suites"];
  readonly covers: Import["covers"];
  /** Advisories, or statements of a VEX document. */
  readonly entries: number;
  readonly sha256: string;
}

const schema = `
  PRAGMA user_version = 1;
  CREATE TABLE sources (
    name TEXT PRIMARY KEY, made_at_ms INTEGER NOT NULL, imported_at_ms INTEGER NOT NULL,
    suites TEXT NOT NULL, covers TEXT, entries INTEGER NOT NULL, sha256 TEXT NOT NULL, statements TEXT NOT NULL
  ) STRICT;
  CREATE TABLE advisories (
    suite TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL, origin TEXT NOT NULL, introduced TEXT NOT NULL,
    fixed TEXT, severity TEXT NOT NULL, summary TEXT NOT NULL,
    PRIMARY KEY (suite, source, id, origin, introduced)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX advisories_of_origin ON advisories (origin);
`;

interface SourceRow {
  readonly name: string;
  readonly made_at_ms: number;
  readonly imported_at_ms: number;
  readonly suites: string;
  readonly covers: string | null;
  readonly entries: number;
  readonly sha256: string;
  readonly statements: string;
}

/**
 * What is known of vulnerabilities: one SQLite file in the state folder, which the command line writes and the controller reads. It is
 * apart from the controller's database, because all of it can be imported again.
 */
export class Advisories implements Disposable {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #ofPackage: StatementSync;

  private constructor(path: string) {
    this.#path = path;
    closeSync(openSync(path, "a", 0o600));
    this.#db = new DatabaseSync(path, { timeout: 10_000 });
    this.#ofPackage = this.#guarded(() => {
      this.#makeTables();
      return this.#db.prepare("SELECT * FROM advisories WHERE suite = ? AND source = ?");
    });
  }

  /** To read; undefined when nothing was ever imported. Throws `advisories_damaged`. */
  static read(state: StateFolder): Advisories | undefined {
    return existsSync(state.advisories) ? new Advisories(state.advisories) : undefined;
  }

  /** To change; made when it is missing. Throws `advisories_damaged`. */
  static open(state: StateFolder): Advisories {
    ensureStateFolder(state);
    return new Advisories(state.advisories);
  }

  /** By name. */
  sources(): readonly DataSource[] {
    return this.#rows().map((row) => ({
      name: row.name,
      madeAtMs: row.made_at_ms,
      importedAtMs: row.imported_at_ms,
      suites: JSON.parse(row.suites) as string[],
      covers: row.covers === null ? undefined : (JSON.parse(row.covers) as Record<string, string>),
      entries: row.entries,
      sha256: row.sha256,
    }));
  }

  statements(): readonly VexStatement[] {
    return this.#rows().flatMap(({ statements }) => JSON.parse(statements) as VexStatement[]);
  }

  about(suite: string, source: string): readonly KnownAdvisory[] {
    return this.#guarded(() =>
      this.#ofPackage.all(suite, source).map((row) => ({
        id: String(row.id),
        origin: String(row.origin),
        source,
        suite,
        introduced: String(row.introduced),
        fixed: row.fixed === null ? undefined : String(row.fixed),
        severity: row.severity as Severity,
        summary: String(row.summary),
      })),
    );
  }

  /**
   * In place of what was there under this name, all of it or nothing. Throws `advisories_invalid` for data that has less than half of
   * the entries of what it would replace, unless it is forced.
   */
  replace(one: Import, nowMs: number, { force }: { readonly force: boolean }): DataSource {
    const { name, suites, covers, advisories, statements, sha256 } = one;
    const madeAtMs = Math.round(Math.min(one.madeAtMs, nowMs));
    const entries = advisories.length + statements.length;
    const before = this.sources().find((source) => source.name === name)?.entries ?? 0;
    if (!force && entries * 2 < before) throw shrunk(name, before, entries);
    this.#guarded(() => {
      this.#db.exec("BEGIN IMMEDIATE");
      try {
        this.#db.prepare("DELETE FROM advisories WHERE origin = ?").run(name);
        const insert = this.#db.prepare("INSERT OR REPLACE INTO advisories VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
        for (const { suite, source, id, introduced, fixed = null, severity, summary } of advisories) {
          insert.run(suite, source, id, name, introduced, fixed, severity, summary);
        }
        this.#db
          .prepare("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
          .run(
            ...[name, madeAtMs, nowMs, JSON.stringify(suites)],
            ...[
              covers === undefined ? null : JSON.stringify(covers),
              entries,
              sha256,
              JSON.stringify(statements),
            ],
          );
        this.#db.exec("COMMIT");
      } finally {
        if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      }
    });
    return { name, madeAtMs, importedAtMs: nowMs, suites, covers, entries, sha256 };
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close();
  }

  #rows(): readonly SourceRow[] {
    return this.#guarded(
      () => this.#db.prepare("SELECT * FROM sources ORDER BY name").all() as unknown as SourceRow[],
    );
  }

  #makeTables(): void {
    this.#db.exec("BEGIN IMMEDIATE");
    const { user_version: version } = this.#db.prepare("PRAGMA user_version").get() ?? {};
    if (version === 0) this.#db.exec(schema);
    this.#db.exec("COMMIT");
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== "ERR_SQLITE_ERROR") throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new KilnError(
        "advisories_damaged",
        `The vulnerability data ${this.#path} cannot be used: ${why}.`,
        {
          hint: `Remove ${this.#path}, then import the data again, or run \`kiln image advisories update\`.`,
          cause: error,
        },
      );
    }
  }
}

function shrunk(name: string, before: number, entries: number): KilnError {
  return new KilnError(
    "advisories_invalid",
    `The new data of ${name} has ${entries} entries, and the present data ${before}. Nothing was imported.`,
    {
      hint: "Half a file would hide vulnerabilities. Fetch it again; if it is right, import it with `--force`.",
    },
  );
}
