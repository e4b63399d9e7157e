import { chmodSync, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCheckpoint } from "../../audit/checkpoint.ts";
import { verifyLog } from "../../audit/verify-log.ts";
import { anAsker } from "../../domain/testing.ts";
import { silentLog } from "../../lib/log.ts";
import { memoryFolder } from "../../lib/testing.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import { openStore, type Store } from "../../store/store.ts";
import { type Auditor, startAuditor } from "./auditor.ts";

const hour = 3_600_000;
let folder: string;
let clock: FakeClock;
let store: Store;
let auditor: Auditor;
const at = (name: string) => join(folder, name);

function start(): void {
  store = openStore(at("kiln.db"), { clock });
  const paths = { keyPath: at("audit.key"), checkpointPath: at("audit.checkpoint") };
  auditor = startAuditor({ store, clock, log: silentLog, ...paths });
}
async function stop(): Promise<void> {
  await auditor.close();
  store.close();
}
async function restart(meanwhile: () => void = () => {}): Promise<void> {
  await stop();
  meanwhile();
  start();
}
beforeEach(() => {
  folder = memoryFolder("kiln-n-");
  clock = new FakeClock(1_000_000);
  start();
});
afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

function note(count = 1): void {
  for (let i = 0; i < count; i++)
    store.appendEvent({ service: "shop", kind: "x.y", message: `${i}`, data: {} });
}
function tamper(sql: string): void {
  using raw = new DatabaseSync(at("kiln.db"));
  raw.exec("DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_deleted;");
  raw.exec(sql);
}
function tamperAgain(sql: string): void {
  using raw = new DatabaseSync(at("kiln.db"));
  raw.exec(sql);
}
const verify = (trusted: readonly string[] = [], withCheckpoint = true) =>
  verifyLog(at("kiln.db"), {
    checkpoints:
      withCheckpoint && existsSync(at("audit.checkpoint")) ? [readCheckpoint(at("audit.checkpoint"))] : [],
    trusted,
    signal: new AbortController().signal,
  });
const kinds = () => store.events().map(({ kind }) => kind);
const troubles = async () => (await auditor.audit({})).troubles.map(({ message }) => message);

test("the key is made at the first start, for this user alone, and announced once", async () => {
  await restart();
  expect(kinds()).toEqual(["audit.key", "audit.checkpoint"]);
  expect(statSync(at("audit.key")).mode & 0o777).toBe(0o600);
  expect((await auditor.audit({})).key?.publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----/);
  const secret = readFileSync(at("audit.key"), "utf8").split("\n")[1] ?? "";
  expect(JSON.stringify(store.events())).not.toContain(secret);
});

test("a checkpoint begins a log, then comes after a thousand events, after an hour, and at the end; none while nothing happens", async () => {
  const newest = () => store.log.newest("audit.checkpoint")?.data.sequence;
  note(997);
  await clock.advance(20_000);
  expect(newest()).toBe(998);
  note(998);
  await clock.advance(20_000);
  expect(newest()).toBe(998);
  note(2);
  await clock.advance(20_000);
  expect(newest()).toBe(1_999);
  note();
  await clock.advance(hour - 60_000);
  expect(newest()).toBe(1_999);
  await clock.advance(90_000);
  expect(newest()).toBe(2_001);
  note();
  await restart();
  await restart();
  await clock.advance(2 * hour);
  expect(store.log.end().sequence).toBe(2_004);
  expect(await verify()).toMatchObject({
    finding: undefined,
    signed: 2_003,
    last: { sequence: 2_004 },
    overdue: [],
  });
});

test("a checkpoint that is asked for is one of the log as it is, and the same while nothing happens", async () => {
  note();
  const checkpoint = await auditor.checkpoint({}, anAsker());
  expect(checkpoint.sequence).toBe(2);
  expect(await auditor.checkpoint({}, anAsker())).toEqual(checkpoint);
  expect(readCheckpoint(at("audit.checkpoint"))).toEqual(checkpoint);
});

test.each([
  ["is missing", () => rmSync(at("audit.key")), "audit.key is missing"],
  ["can be read by others", () => chmodSync(at("audit.key"), 0o640), "has mode 0640"],
  ["is not a key", () => writeFileSync(at("audit.key"), "hello"), "is not an Ed25519 private key"],
])("a key that %s is reported, and the log continues without checkpoints", async (_, spoil, words) => {
  const key = readFileSync(at("audit.key"));
  note();
  spoil();
  await restart();
  expect(await troubles()).toEqual([expect.stringContaining(words)]);
  await expect(auditor.checkpoint({}, anAsker())).rejects.toMatchObject({ code: "audit_key_invalid" });
  note();
  rmSync(at("audit.key"), { force: true });
  writeFileSync(at("audit.key"), key, { mode: 0o600 });
  await clock.advance(20_000);
  expect(await troubles()).toEqual([]);
  expect((await auditor.checkpoint({}, anAsker())).sequence).toBe(3);
  expect((await verify()).finding).toBe(undefined);
});

test("another key in its place signs nothing", async () => {
  await stop();
  renameSync(at("kiln.db"), at("old.db"));
  rmSync(at("audit.checkpoint"));
  const old = readFileSync(at("audit.key"));
  rmSync(at("audit.key"));
  start();
  await restart(() => writeFileSync(at("audit.key"), old, { mode: 0o600 }));
  expect(await troubles()).toEqual([expect.stringMatching(/is the key [0-9a-f]{16}; the event log names/)]);
});

test("after a rotation old and new signatures count, also for one who trusts only the old key", async () => {
  note();
  const { key: first } = await auditor.audit({});
  await auditor.checkpoint({}, anAsker());
  const second = await auditor.rotateAuditKey({}, anAsker("ada@example"));
  await restart();
  expect((await auditor.audit({})).key).toEqual(second);
  expect(second.keyId).not.toBe(first?.keyId);
  const report = await verify([first?.keyId ?? ""]);
  expect(report).toMatchObject({ finding: undefined, keys: [first?.keyId, second.keyId] });
  expect((await verify([second.keyId])).finding?.sequence).toBe(1);
});

test("after a loss the new key counts for those who say that they trust it", async () => {
  const { key: first } = await auditor.audit({});
  rmSync(at("audit.key"));
  note();
  const second = await auditor.rotateAuditKey({}, anAsker("ada@example"));
  await restart();
  expect(await troubles()).toEqual([]);
  expect((await verify()).finding).toMatchObject({
    sequence: 3,
    message: expect.stringContaining("no trusted key has signed"),
  });
  expect((await verify([first?.keyId ?? "", second.keyId])).finding).toBe(undefined);
});

test.each([
  ["before the log names the new key", false],
  ["after it", true],
])("a rotation that is cut off %s is finished or undone at the next start", async (_, announced) => {
  const before = readFileSync(at("audit.key"));
  await auditor.rotateAuditKey({}, anAsker("ada@example"));
  const fresh = readFileSync(at("audit.key"));
  await restart(() => {
    // The world as a crash leaves it: the new key next to the old one.
    writeFileSync(at("audit.key"), announced ? before : fresh, { mode: 0o600 });
    writeFileSync(at("audit.key.new"), announced ? fresh : before, { mode: 0o600 });
  });
  expect(existsSync(at("audit.key.new"))).toBe(false);
  expect([readFileSync(at("audit.key")).equals(fresh), await troubles()]).toEqual([true, []]);
});

test.each([
  ["altered", "UPDATE events SET message = 'nothing' WHERE sequence = 3", 3],
  ["dropped", "DELETE FROM events WHERE sequence = 3", 3],
  ["cut off", "DELETE FROM events WHERE sequence > 3", 4],
  ["emptied", "DELETE FROM events", 1],
])(
  "a log that was %s while no controller ran is reported at the start, and forever after",
  async (_, sql, first) => {
    note(5);
    await restart(() => tamper(sql));
    expect((await troubles())[0]).toMatch(/^The event log was changed/);
    expect((await verify()).finding?.sequence).toBe(first);
    const { sequence } = store.log.end();
    await restart();
    note();
    await restart();
    expect(store.events({ after: sequence }).filter(({ kind }) => kind === "audit.broken")).toEqual([]);
    expect((await verify([], false)).finding?.sequence).toBe(first);
    clock.set(8 * 24 * hour);
    expect(await troubles()).toEqual([]);
  },
);

async function accept(): Promise<void> {
  const { open, end } = await verify();
  const breaks = open.map(({ id }) => id);
  const first = open[0] && { first: open[0].sequence };
  await auditor.acceptBreaks({ breaks, ...first, upTo: end, reason: "A backup." }, anAsker("ada@example"));
}
const broken = () => store.events().filter(({ kind }) => kind === "audit.broken").length;

test("an accepted break causes no warning; another one is reported again, also one of the same place", async () => {
  note(8);
  await restart(() => tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3"));
  expect(await troubles()).toHaveLength(1);
  await accept();
  expect(await troubles()).toEqual([]);
  expect(store.log.newest("audit.accepted")).toMatchObject({
    message: "ada@example accepted that the log was altered, first in entry 3: A backup.",
    data: { actor: { name: "ada@example" }, reason: "A backup.", first: 3 },
  });
  await restart();
  expect([await troubles(), broken()]).toEqual([[], 1]);
  expect(await verify()).toMatchObject({ finding: undefined, accepted: [{ by: "ada@example" }] });
  const again = ["sequence = 5", "sequence = 3"];
  for (const [i, where] of again.entries()) {
    await restart(() => tamperAgain(`UPDATE events SET message = 'other' WHERE ${where}`));
    expect([(await troubles()).length, broken()]).toEqual([1, i + 2]);
    expect((await verify()).finding).toBeDefined();
    await accept();
    await restart();
    expect([await troubles(), broken()]).toEqual([[], i + 2]);
  }
});

test("a second break is reported at the start although the first one was not accepted", async () => {
  note(8);
  await restart(() => tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3"));
  await restart(() => tamperAgain("UPDATE events SET message = 'nothing' WHERE sequence = 6"));
  expect(store.events().filter(({ kind }) => kind === "audit.broken")).toMatchObject([
    { data: { first: 3 } },
    { data: { first: 6 } },
  ]);
});

test("what was seen while it ran can be accepted as well", async () => {
  note(3);
  tamper("DELETE FROM events WHERE sequence > 2");
  await clock.advance(10_000);
  expect(await troubles()).toHaveLength(1);
  await accept();
  expect(await troubles()).toEqual([]);
  await restart();
  expect([await troubles(), (await verify()).finding]).toEqual([[], undefined]);
  tamperAgain("CREATE TABLE strange (x)");
  await clock.advance(10_000);
  expect(await troubles()).toHaveLength(1);
  await accept();
  expect(await troubles()).toEqual([]);
});

test("an acceptance that was forged while no controller ran is itself a break, and silences nothing", async () => {
  note(5);
  await restart(() => tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3"));
  const { open } = await verify();
  const data = { by: "eve", reason: "Trust me.", breaks: open.map(({ id }) => id), first: 3, upTo: 1e9 };
  await stop();
  {
    using forging = openStore(at("kiln.db"), { clock });
    forging.appendEvent({ service: undefined, kind: "audit.accepted", message: "", data });
  }
  start();
  expect(await troubles()).toEqual([
    expect.stringContaining("an acceptance without a valid signature of a trusted key"),
  ]);
  expect((await verify()).finding?.sequence).toBe(3);
});

test("nothing is accepted without the key", async () => {
  note(5);
  await restart(() => tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3"));
  chmodSync(at("audit.key"), 0o640);
  const end = store.log.end();
  await expect(accept()).rejects.toMatchObject({ code: "audit_key_invalid" });
  expect(store.log.end()).toEqual(end);
  chmodSync(at("audit.key"), 0o600);
});

test.each([
  ["altered", () => writeFileSync(at("audit.checkpoint"), "{}")],
  ["taken away", () => rmSync(at("audit.checkpoint"))],
])("a kept checkpoint that was %s is reported once", async (what, spoil) => {
  await restart(spoil);
  await restart();
  expect(await troubles()).toEqual([
    expect.stringContaining(`audit.checkpoint was ${what} while no controller ran`),
  ]);
  expect(kinds().filter((kind) => kind === "audit.touched").length).toBe(1);
  expect((await verify()).finding).toBe(undefined);
});

test("a change while it runs is reported within seconds", async () => {
  note();
  tamper("UPDATE services SET count = 5");
  await clock.advance(10_000);
  expect(await troubles()).toEqual([expect.stringContaining("Another program has written")]);
  using raw = new DatabaseSync(at("kiln.db"));
  raw.exec("DELETE FROM events WHERE sequence > 1");
  await clock.advance(10_000);
  expect((await troubles())[0]).toContain("The event log was changed");
});
