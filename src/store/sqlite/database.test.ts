import { closeSync, copyFileSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { anAsker } from "../../domain/testing.ts";
import { KilnError } from "../../lib/errors.ts";
import { openStore } from "../store.ts";
import { aClock, aDatabasePath, aDraft, deployed } from "../testing.ts";
import { Database } from "./database.ts";
import { latestVersion, migrate } from "./migrations.ts";

const clock = aClock();

function faultOf(work: () => Disposable): KilnError {
  try {
    work()[Symbol.dispose]();
  } catch (error) {
    if (error instanceof KilnError) return error;
    throw error;
  }
  throw new Error("no fault");
}

/** A database with something in it, closed. */
function written(path: string): void {
  using store = openStore(path, { clock });
  deployed(store, aDraft(1));
}

test("only its owner may read the database, its WAL and its shared memory, whatever the umask", () => {
  using file = aDatabasePath();
  const before = process.umask(0);
  try {
    using store = openStore(file.path, { clock });
    deployed(store, aDraft(1));
    const modes = ["", "-wal", "-shm"].map((end) => (statSync(file.path + end).mode & 0o777).toString(8));
    expect(modes).toEqual(["600", "600", "600"]);
  } finally {
    process.umask(before);
  }
});

test("rights that others have got are taken away", () => {
  using file = aDatabasePath();
  writeFileSync(file.path, "", { mode: 0o666 });
  openStore(file.path, { clock }).close();
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
});

test("what was written is there after closing and opening", () => {
  using file = aDatabasePath();
  written(file.path);
  using store = openStore(file.path, { clock });
  expect([store.desired("shop")?.serving, store.log.check()]).toEqual([1, undefined]);
});

test("every former version is brought up to the present one", () => {
  const schemaOf = (path: string) => {
    using raw = new DatabaseSync(path, { readOnly: true });
    return raw.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY name").all();
  };
  using fresh = aDatabasePath();
  openStore(fresh.path, { clock }).close();
  for (let version = 0; version <= latestVersion; version++) {
    using file = aDatabasePath();
    {
      using db = new Database(file.path);
      migrate(db, version);
    }
    using store = openStore(file.path, { clock });
    deployed(store, aDraft(1));
    expect(schemaOf(file.path)).toEqual(schemaOf(fresh.path));
  }
});

test("a database from a newer Kiln is refused and left as it is", () => {
  using file = aDatabasePath();
  written(file.path);
  {
    using raw = new DatabaseSync(file.path);
    raw.exec(`PRAGMA user_version = ${latestVersion + 1}`);
  }
  const before = readFileSync(file.path);
  const error = faultOf(() => openStore(file.path, { clock }));
  expect(error.code).toBe("state_newer");
  expect(error.message).toBe(
    `The state database ${file.path} has version ${latestVersion + 1}; this Kiln knows versions up to ${latestVersion}.`,
  );
  expect(readFileSync(file.path).equals(before)).toBe(true);
});

test("a file that is not a database, or a damaged one, is reported as such, with the remedy", () => {
  using text = aDatabasePath();
  writeFileSync(text.path, "this is not a database, however long one looks at it ".repeat(100));
  const error = faultOf(() => openStore(text.path, { clock }));
  expect(error).toMatchObject({ code: "state_corrupt" });
  expect(error.hint).toContain("from a backup");

  using damaged = aDatabasePath();
  written(damaged.path);
  const file = openSync(damaged.path, "r+");
  for (let page = 1; page < statSync(damaged.path).size / 4096; page++) {
    writeSync(file, Buffer.alloc(512, 0xa5), 0, 512, page * 4096);
  }
  closeSync(file);
  expect(faultOf(() => openStore(damaged.path, { clock })).code).toBe("state_corrupt");
});

test("a database that another program holds for writing is said to be held", { timeout: 20_000 }, () => {
  using file = aDatabasePath();
  written(file.path);
  using store = openStore(file.path, { clock });
  using raw = new DatabaseSync(file.path);
  raw.exec("BEGIN IMMEDIATE");
  const error = faultOf(() => {
    store.setCount("shop", 4, anAsker("ada@example.com"));
    return store;
  });
  expect([error.code, error.retry]).toEqual(["state_held", true]);
  raw.exec("ROLLBACK");
  expect(store.desired("shop")?.count).toBe(3);
});

test("a disk that is full is said to be so, and nothing is half written", () => {
  using file = aDatabasePath();
  written(file.path);
  using db = new Database(file.path);
  db.exec("PRAGMA max_page_count = 1"); // SQLite takes the present size when it is larger
  const fill = () => {
    db.transaction(() => {
      for (let i = 0; i < 1_000; i++) {
        db.run(
          "INSERT INTO services (key, count, policy, last_release) VALUES (?, 1, ?, 0)",
          `s${i}`,
          "x".repeat(1_000),
        );
      }
    });
    return db;
  };
  expect(faultOf(fill).code).toBe("disk_full");
  expect(db.get("SELECT count(*) AS n FROM services")).toEqual({ n: 1 });
});

test("a copy made while the database is in use can be opened", () => {
  using file = aDatabasePath();
  using copy = aDatabasePath();
  using store = openStore(file.path, { clock });
  deployed(store, aDraft(1));
  for (const end of ["", "-wal"]) copyFileSync(file.path + end, copy.path + end);
  using other = openStore(copy.path, { clock });
  expect(other.desired("shop")).toEqual(store.desired("shop"));
});

test("nothing waits for a commit outside of a transaction: it would be that of the next one", () => {
  using file = aDatabasePath();
  using db = new Database(file.path);
  const told: string[] = [];
  expect(() => db.afterCommit(() => told.push("early"))).toThrow("there is no transaction");
  db.transaction(() => db.afterCommit(() => told.push("in time")));
  expect(told).toEqual(["in time"]);
});
