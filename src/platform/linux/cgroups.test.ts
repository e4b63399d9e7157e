import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isFrozen, isRootOccupied, readCgroupSupport } from "./cgroups.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync("/tmp/kiln-");
});
afterEach(() => rmSync(root, { recursive: true }));

function have(...files: readonly string[]): void {
  for (const file of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), "cpu memory pids\n");
  }
}

test("version 2 says what it has in one file", () => {
  have("cgroup.controllers");
  expect(readCgroupSupport(root)).toMatchObject({ version: 2, memory: true, cpu: true, pids: true });
});

test("a hybrid machine has the controllers of version 1", () => {
  have(
    "unified/cgroup.controllers",
    "memory/memory.limit_in_bytes",
    "cpu,cpuacct/cpu.cfs_quota_us",
    "pids/x",
  );
  expect(readCgroupSupport(root)).toEqual({ version: 1, memory: true, swap: false, cpu: true, pids: true });
});

test("what is missing is said", () => {
  expect(readCgroupSupport(root)).toEqual({
    version: 1,
    memory: false,
    swap: false,
    cpu: false,
    pids: false,
  });
});

test("a container with processes in its root cgroup of version 2 can limit nothing next to them", () => {
  writeFileSync(join(root, "cgroup.procs"), "1\n7\n");
  expect(isRootOccupied(root)).toBe(false); // the machine's own root
  writeFileSync(join(root, "cgroup.type"), "domain\n");
  expect(isRootOccupied(root)).toBe(true);
  writeFileSync(join(root, "cgroup.procs"), "");
  expect(isRootOccupied(root)).toBe(false);
});

test.each([
  ["freezer.state", "FREEZING\n", false],
  ["freezer.state", "FROZEN\n", true],
  ["cgroup.events", "populated 1\nfrozen 0\n", false],
  ["cgroup.events", "populated 1\nfrozen 1\n", true],
  ["another", "", true],
])("a cgroup whose %s is %j stands still: %j", (name, text, still) => {
  writeFileSync(join(root, name), text);
  expect(isFrozen([join(root, "gone"), root])).toBe(still);
});
