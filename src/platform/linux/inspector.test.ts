import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findProcess } from "../../lib/process/proc.ts";
import { createInspector } from "./inspector.ts";
import type { Subject } from "./subject.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-si-");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const id = "shop-1-1-1";

function subject(folders: readonly string[]): Subject {
  const process = findProcess(globalThis.process.pid);
  if (!process) throw new Error("this process runs");
  const baseline = { mounts: [], namespaces: {}, limits: [], bundle: [] };
  return {
    server: id,
    service: "shop",
    release: 1,
    process,
    cgroup: "/kiln/x",
    cgroupFolders: folders,
    baseline,
    imageFiles: [],
  };
}

function cgroup(name: string, file: string, value: string): string {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, file), value);
  return join(folder, name);
}

test.each([
  ["cgroup.freeze", "0", "1"],
  ["freezer.state", "THAWED", "FROZEN"],
])("freezes with %s", (file, thawed, frozen) => {
  const other = cgroup("other", "pids.max", "10");
  const own = cgroup("own", file, thawed);
  const inspector = createInspector();
  inspector.add(subject([other, own]));
  expect(inspector.freeze(id)).toBe(true);
  expect(readFileSync(join(own, file), "utf8").trim()).toMatch(new RegExp(`^${frozen}`));
  expect(inspector.subjects()).toEqual([]);
  expect(inspector.freeze(id)).toBe(true);
  inspector.thaw(id);
  expect(readFileSync(join(own, file), "utf8").trim()).toMatch(new RegExp(`^${thawed}`));
  expect(inspector.subjects()).toHaveLength(1);
});

test("says when a server cannot be frozen", () => {
  const inspector = createInspector();
  expect(inspector.freeze(id)).toBe(false);
  inspector.add(subject([cgroup("own", "pids.max", "10")]));
  expect(inspector.freeze(id)).toBe(false);
  expect(inspector.subjects()).toHaveLength(1);
});

test("tells when servers come and go", () => {
  const inspector = createInspector();
  const seen: number[] = [];
  const watching = inspector.watch(() => seen.push(inspector.subjects().length));
  inspector.add(subject([]));
  inspector.drop(id);
  inspector.drop(id);
  watching[Symbol.dispose]();
  inspector.add(subject([]));
  expect(seen).toEqual([1, 0]);
});
