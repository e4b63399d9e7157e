import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf } from "../../lib/files/sha256.ts";
import { silentLog } from "../../lib/log.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import type { Subject } from "../../platform/linux/subject.ts";
import { createChecks } from "./checks.ts";
import { type FileCheck, startFileCheck } from "./files.ts";

let folder: string;
let file: string;
let subjects: Subject[];
let told: Set<string>;
let check: FileCheck;
/** Files that are asked to be protected, and that were found changeable. */
let protectedFiles: string[];
let unprotected: string[];

beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-");
  file = join(folder, "layer.erofs");
  writeFileSync(file, "as built");
  subjects = [];
  told = new Set();
  [protectedFiles, unprotected] = [[], []];
  const inspector = {
    ...{ subjects: () => subjects, watch: () => ({ [Symbol.dispose]() {} }) },
    ...{ freeze: () => true, thaw() {} },
    protect: async (each: string) => protectedFiles.push(each) === 1,
  };
  check = startFileCheck({
    ...{ inspector, checks: createChecks(silentLog), clock: new FakeClock(0), log: silentLog },
    unprotected: (each) => unprotected.push(each),
    tell: ({ server }, { detail }) => told.add(`${server}: ${detail.slice(file.length + 1)}`),
  });
});
afterEach(async () => {
  await check[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** A server that was made when the file held this. */
function made(server: string, content: string): Subject {
  const baseline = { mounts: [], namespaces: {}, limits: [], bundle: [] };
  const imageFiles = [{ file, sha256: digestOf(Buffer.from(content)) }];
  const process = { pid: 1, startTicks: 1 };
  return {
    server,
    service: "shop",
    release: 1,
    process,
    cgroup: "/kiln/x",
    cgroupFolders: [],
    baseline,
    imageFiles,
  };
}

const all = () => check.all(new AbortController().signal);

test("each server is compared with what it was made from, also when others were made from another file", async () => {
  subjects = [made("old", "altered later"), made("new", "as built")];
  await all();
  expect([...told]).toEqual(["old: does not match the image"]);
});

test("the order of servers does not matter, and who comes later is compared as well", async () => {
  subjects = [made("new", "as built"), made("old", "altered later")];
  await all();
  expect([...told]).toEqual(["old: does not match the image"]);
  subjects.push(made("another", "a third"));
  check.glance();
  expect([...told]).toContain("another: does not match the image");
  expect([...told]).not.toContain("new: does not match the image");
});

test("a missing file differs from what every server was made from", async () => {
  subjects = [made("new", "as built"), made("old", "altered later")];
  check.glance();
  expect([...told]).toEqual([]);
  rmSync(file);
  check.touched(file);
  expect([...told]).toEqual(["new: is gone", "old: is gone"]);
});

test("a file that is right is protected again, and told when that was needed; an altered one is not", async () => {
  subjects = [made("old", "altered later")];
  await all();
  expect(protectedFiles).toEqual([]);
  subjects.push(made("new", "as built"));
  await all();
  await all();
  expect(protectedFiles).toEqual([file, file]);
  expect(unprotected).toEqual([file]);
});
