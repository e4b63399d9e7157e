import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openStore } from "../store.ts";
import { aClock, aDatabasePath, aDraft, deployed } from "../testing.ts";

const clock = aClock();

/** The first bad event after a change to the log by hand, past the triggers. */
function afterTampering(sql: string): number | undefined {
  using file = aDatabasePath();
  {
    using store = openStore(file.path, { clock });
    for (const n of [1, 2, 3]) deployed(store, aDraft(n));
    expect([store.events().length, store.log.check()]).toEqual([9, undefined]);
  }
  {
    using raw = new DatabaseSync(file.path);
    raw.exec(`DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted; ${sql}`);
  }
  using store = openStore(file.path, { clock });
  return store.log.check()?.sequence;
}

test("the database refuses to change or delete an event", () => {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  deployed(store, aDraft(1));
  using raw = new DatabaseSync(file.path);
  expect(() => raw.exec("UPDATE events SET message = '' WHERE sequence = 1")).toThrow("never changed");
  expect(() => raw.exec("DELETE FROM events")).toThrow("never deleted");
  expect(store.log.check()).toBe(undefined);
});

test.each([
  ["at_ms = 5", 4],
  ["service = NULL", 4],
  ["kind = 'x'", 4],
  ["message = message || '!'", 4],
  ["data = '{}'", 4],
  ["previous = digest", 4],
  ["digest = previous", 4],
])("an event with another %s is found", (change, sequence) => {
  expect(afterTampering(`UPDATE events SET ${change} WHERE sequence = 4`)).toBe(sequence);
});

test("an event that is missing, at the start or amid the log, is found", () => {
  expect(afterTampering("DELETE FROM events WHERE sequence = 6")).toBe(6);
  expect(afterTampering("DELETE FROM events WHERE sequence = 1")).toBe(1);
});

test("events that have changed places are found", () => {
  const swap = `UPDATE events SET sequence = 100 WHERE sequence = 2; UPDATE events SET sequence = 2 WHERE sequence = 3;
    UPDATE events SET sequence = 3 WHERE sequence = 100;`;
  expect(afterTampering(swap)).toBe(2);
});

test("every kind of event that the store writes is explained in docs/events.md", () => {
  const folder = new URL("../", import.meta.url);
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (name) => /^[a-z/-]+\.ts$/.test(name) && name !== "testing.ts",
  );
  const written = new Set(
    sources.flatMap((name) =>
      [
        ...readFileSync(new URL(name, folder), "utf8").matchAll(
          /"((?:release|rollout|server|service|clock)\.[a-z-]+)"/g,
        ),
      ].map((match) => match[1]),
    ),
  );
  const docs = readFileSync(new URL("../../docs/events.md", folder), "utf8");
  const explained = [...docs.matchAll(/^\| `([a-z.-]+)`/gm)].map((match) => match[1]);
  expect([...written].filter((kind) => !explained.includes(kind))).toEqual([]);
  expect(written.size).toBeGreaterThan(15);
});
