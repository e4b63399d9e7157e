import { expect, test } from "vitest";
import { aFailure, aFinding } from "../../domain/testing.ts";
import { openStore } from "../store.ts";
import { aClock, aDatabasePath } from "../testing.ts";
import { Database } from "./database.ts";
import { migrate } from "./migrations.ts";

test("findings and failures of a database of 0.1 get the service and the release of their server, and say in words who it was", () => {
  using file = aDatabasePath();
  const service = "shop-2.staging";
  const server = `${service}-3-1-12`;
  {
    using db = new Database(file.path);
    migrate(db, 7);
    const { service: _service, release: _release, who: _who, ...finding } = aFinding({ server });
    const culprit = { pid: 4711, uid: 0, loginUid: 1000, executable: "/usr/sbin/runc", name: "runc" };
    const { release: _of, ...failure } = aFailure({ id: server });
    db.run("INSERT INTO services (key, count, policy, last_release) VALUES (?, 1, '{}', 3)", service);
    db.run("INSERT INTO releases VALUES (?, 3, 'sha256:0', '{}', '', 1, 'ada', 1, NULL)", service);
    db.run("INSERT INTO failures VALUES (?, 3, 1, ?, ?)", service, server, JSON.stringify(failure));
    db.run(
      "INSERT INTO taints (service, server, finding, response, tainted_at_ms) VALUES (?, ?, ?, 'replace', 1)",
      ...[service, server, JSON.stringify({ ...finding, culprit })],
    );
  }
  using store = openStore(file.path, { clock: aClock() });
  expect(store.failures(service)).toEqual([aFailure({ id: server, release: 3 })]);
  expect(store.taints(service).map((taint) => taint.finding)).toEqual([
    aFinding({ server, service, release: 3, who: "/usr/sbin/runc pid 4711 uid 0 (login 1000)" }),
  ]);
});

test("events of a server are found by an index, also without their service", () => {
  using file = aDatabasePath();
  openStore(file.path, { clock: aClock() }).close();
  using db = new Database(file.path);
  const plan = db.all<{ readonly detail: string }>(
    "EXPLAIN QUERY PLAN SELECT * FROM events WHERE sequence > ? AND data ->> '$.server' = ? ORDER BY sequence LIMIT ?",
    ...[0, "i-1", 10],
  );
  expect(plan.map(({ detail }) => detail).join()).toContain("USING INDEX events_by_server");
});
