import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProcess } from "../../../lib/process/proc.ts";
import { openStateFolder } from "../../../lib/state-folder.ts";
import { type HostPaths, hostPaths } from "../paths.ts";
import { testRelease } from "../test-image.ts";
import { openRecords, type ServerRecord, type ServerRecords } from "./records.ts";
import { findExit, hostServer } from "./server-state.ts";

let paths: HostPaths;
let records: ServerRecords;
beforeEach(() => {
  paths = hostPaths(openStateFolder({ KILN_HOME: mkdtempSync("/tmp/kiln-") }));
  records = openRecords(paths);
});
afterEach(() => rmSync(join(paths.servers, ".."), { recursive: true }));

const record: ServerRecord = {
  format: 1,
  id: "shop-1-1-1",
  release: testRelease("sha256:00"),
  createdAtMs: 5,
  bootId: "this",
  address: "10.192.0.2",
  root: "r",
  layers: ["l"],
  stopSignal: 15,
  freed: false,
};

test("a record is read as it was written, by its owner only", () => {
  records.write(record);
  expect(openRecords(paths).all()).toEqual([JSON.parse(JSON.stringify(record))]);
  expect(statSync(join(paths.servers, record.id, "record.json")).mode & 0o777).toBe(0o600);
  records.remove(record.id);
  records.remove(record.id);
  expect(records.all()).toEqual([]);
});

test("a record is read again only when its file was changed, and is gone when its file is", () => {
  records.write(record);
  const file = join(paths.servers, record.id, "record.json");
  const first = records.read(record.id);
  expect(first).toEqual(JSON.parse(JSON.stringify(record)));
  expect(records.read(record.id)).toBe(first);
  records.write({ ...record, freed: true });
  expect(records.all()).toMatchObject([{ freed: true }]);
  writeFileSync(file, JSON.stringify({ ...record, createdAtMs: 6 }));
  expect(records.read(record.id)).toMatchObject({ createdAtMs: 6, freed: false });
  rmSync(file);
  expect(records.read(record.id)).toBeUndefined();
});

test("what a crash has left without a record goes away", () => {
  mkdirSync(join(paths.servers, record.id), { recursive: true });
  writeFileSync(join(paths.servers, record.id, "record.json"), "");
  expect(records.all()).toEqual([]);
  expect(existsSync(join(paths.servers, record.id))).toBe(false);
});

test("a record of a later format is refused", () => {
  records.write(record);
  writeFileSync(join(paths.servers, record.id, "record.json"), JSON.stringify({ ...record, format: 2 }));
  expect(() => records.all()).toThrow(expect.objectContaining({ code: "state_corrupt" }));
});

test("a server counts as running until conmon has said how it ended, or is gone too", () => {
  const gone = { pid: 2 ** 22 + 1, startTicks: 1 };
  const self = findProcess(process.pid) ?? gone;
  const moment = { bootId: "this", exits: new Set<string>(), nowMs: 9 };
  const running = (p: typeof gone, monitor: typeof gone) => ({ ...record, running: { process: p, monitor } });
  expect(findExit(paths, record, moment)).toBeUndefined();
  expect(findExit(paths, running(self, gone), moment)).toBeUndefined();
  expect(findExit(paths, running(gone, self), moment)).toBeUndefined();
  expect(findExit(paths, running(gone, gone), moment)).toEqual({ atMs: 9, oomKilled: false });

  mkdirSync(paths.exits, { recursive: true });
  writeFileSync(join(paths.exits, record.id), "3");
  utimesSync(join(paths.exits, record.id), 1.0005, 1.0005); // file systems know fractions of a millisecond
  const told = findExit(paths, running(gone, self), { ...moment, exits: new Set([record.id]) });
  expect(told).toEqual({ code: 3, oomKilled: false, atMs: 1000 });
  expect(hostServer(record, undefined)).toMatchObject({ state: "creating", address: "10.192.0.2" });
  expect(hostServer({ ...record, freed: true }, told)).toMatchObject({
    state: "exited",
    address: undefined,
    exit: { code: 3 },
  });
  expect(findExit(paths, running(self, self), { ...moment, bootId: "next" })?.code).toBeUndefined();
});
