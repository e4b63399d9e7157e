import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { digestOfEntry, type LogEntry } from "../../audit/entry.ts";
import { openStore, type Store } from "../store.ts";
import { aClock, aDatabasePath, aDraft, deployed } from "../testing.ts";

const clock = aClock();

/** What the log reports of itself after another program has written to it while it was open. */
function afterWriting(write: (raw: DatabaseSync) => void) {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  deployed(store, aDraft(1));
  deployed(store, aDraft(2));
  expect(store.log.end().sequence).toBe(6);
  using raw = new DatabaseSync(file.path);
  raw.exec("DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted");
  write(raw);
  note(store);
  note(store);
  const added = store.events({ after: 6 });
  return { kinds: added.map(({ kind }) => kind), first: added[0]?.data.first, found: store.log.check() };
}

function note(store: Store) {
  return store.appendEvent({ service: undefined, kind: "x.y", message: "Something.", data: {} });
}

function append(raw: DatabaseSync): void {
  const last = raw
    .prepare("SELECT * FROM events ORDER BY sequence DESC LIMIT 1")
    .get() as unknown as LogEntry;
  const forged = { ...last, sequence: last.sequence + 1, message: "forged", previous: last.digest };
  const { sequence, at_ms, service, kind, message, data, previous } = forged;
  raw
    .prepare("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
    .run(sequence, at_ms, service, kind, message, data, previous, digestOfEntry(forged));
}

test("a last entry that was altered under the controller's hands stays named", () => {
  const altered = afterWriting((raw) => raw.exec("UPDATE events SET message = '' WHERE sequence = 6"));
  expect(altered).toMatchObject({ kinds: ["audit.broken", "x.y", "x.y"], first: 6, found: { sequence: 6 } });
});

test("entries that were cut off stay missing", () => {
  const cut = afterWriting((raw) => raw.exec("DELETE FROM events WHERE sequence > 4"));
  expect(cut).toMatchObject({ kinds: ["audit.broken", "x.y", "x.y"], first: 5, found: { sequence: 5 } });
});

test("entries that another program has added never become a part of the chain", () => {
  const added = afterWriting((raw) => {
    append(raw);
    append(raw);
  });
  expect(added.kinds.slice(2)).toEqual(["audit.broken", "x.y", "x.y"]);
  expect(added.found?.sequence).toBe(7);
});

test("another entry in the place of the last one is seen", () => {
  const replaced = afterWriting((raw) => {
    raw.exec("DELETE FROM events WHERE sequence = 6");
    append(raw);
  });
  expect(replaced).toMatchObject({ kinds: ["audit.broken", "x.y", "x.y"], first: 6, found: { sequence: 6 } });
});

test("a write to anything else is reported once, and breaks nothing", () => {
  const touched = afterWriting((raw) => raw.exec("UPDATE services SET count = 50"));
  expect(touched).toEqual({ kinds: ["audit.touched", "x.y", "x.y"], first: undefined, found: undefined });
});

test("what others do is seen without an event of one's own, and what is one's own is not taken for theirs", () => {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  deployed(store, aDraft(1));
  store.log.look();
  expect(store.log.newest("audit.touched")).toBe(undefined);
  using raw = new DatabaseSync(file.path);
  raw.exec("UPDATE services SET count = 50");
  store.log.look();
  expect(store.log.newest("audit.touched")?.sequence).toBe(store.log.end().sequence);
});

test("an event of a transaction that failed is not remembered", () => {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  const { sequence } = note(store);
  expect(() =>
    store.log.appendAfter(() => {
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(note(store).sequence).toBe(sequence + 1);
  expect(store.log.check()).toBe(undefined);
});

test("a listener may write an event of its own", () => {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  let answers = 0;
  using _listener = store.subscribe(() => {
    if (answers++ < 2) note(store);
  });
  deployed(store, aDraft(1));
  expect([store.log.newest("audit.broken"), store.log.check()]).toEqual([undefined, undefined]);
});

test("a log that is known to have gone further has lost its end", () => {
  using file = aDatabasePath();
  using store = openStore(file.path, { clock });
  note(store);
  store.log.expect({ sequence: 4, digest: `sha256:${"a".repeat(64)}` });
  expect(note(store).sequence).toBe(6);
  expect(store.log.check()?.sequence).toBe(2);
});

test("events of a time, a service or a server", () => {
  using file = aDatabasePath();
  const ticking = aClock(0);
  using store = openStore(file.path, { clock: ticking });
  for (let i = 1; i <= 20; i++) {
    ticking.set(i * 10);
    const data = { server: `shop-1-${(i % 3) + 1}-1` };
    store.appendEvent({ service: i % 2 ? "shop" : "blog", kind: "x.y", message: "m", data });
  }
  const sequences = (query: Parameters<Store["events"]>[0]) => store.events(query).map((e) => e.sequence);
  expect(sequences({ sinceMs: 185 })).toEqual([19, 20]);
  expect(sequences({ sinceMs: 180, service: "shop" })).toEqual([19]);
  expect(sequences({ sinceMs: 10_000 })).toEqual([]);
  expect(sequences({ sinceMs: 0, limit: 1 })).toEqual([1]);
  expect(sequences({ server: "shop-1-1-1", service: "shop" })).toEqual([3, 9, 15]);
  expect(sequences({ server: "shop-1-1-1" })).toEqual([3, 6, 9, 12, 15, 18]);
  expect(sequences({ server: "shop-1-1-1", newest: 1 })).toEqual([18]);
});
