import { expect, test } from "vitest";
import { dataInMemory } from "./data-in-memory.ts";

const found = (writable: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  dataInMemory({ writable, env }).map((words) => /: (\S+) is in memory, so (.*) ends/.exec(words)?.slice(1));

test("folders of databases are known by their paths", () => {
  expect(found(["/run", "/var/lib/postgresql", "/tmp"])).toEqual([
    ["/var/lib/postgresql", "the data of PostgreSQL"],
  ]);
  expect(found(["/var/lib/postgresql/15/main"])).toEqual([
    ["/var/lib/postgresql/15/main", "the data of PostgreSQL"],
  ]);
  expect(found(["/var/lib/mysql", "/var/lib/redis"])).toEqual([
    ["/var/lib/mysql", "the data of MariaDB or MySQL"],
    ["/var/lib/redis", "the data of Redis"],
  ]);
});

test("a file of SQLite is known by the variable that names it", () => {
  for (const value of ["/srv/app/app.db", "sqlite:///srv/app/app.sqlite3", "file:/srv/app/x.sqlite?mode=rwc"])
    expect(found(["/srv/app"], { DATABASE_URL: value })).toEqual([
      ["/srv/app", "the database that DATABASE_URL names"],
    ]);
});

test("other folders raise no false alarm", () => {
  expect(found(["/run", "/tmp", "/var/lib/nginx", "/run/postgresql", "/var/lib/postgresql-common"])).toEqual(
    [],
  );
  expect(found(["/var/cache"], { DATABASE_URL: "postgres://db/app", DB: "/srv/app.db" })).toEqual([]);
});
