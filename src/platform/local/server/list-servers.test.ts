import { mkdtempSync, rmSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../../lib/log.ts";
import { findProcess } from "../../../lib/process/proc.ts";
import { openStateFolder } from "../../../lib/state-folder.ts";
import { FakeClock } from "../../../lib/time/fake-clock.ts";
import { createInspector } from "../../linux/inspector.ts";
import { bootId } from "../../linux/processes.ts";
import { hostPaths } from "../paths.ts";
import { testRelease } from "../test-image.ts";
import { listServers } from "./list-servers.ts";
import { openRecords, type ServerRecord } from "./records.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync("/tmp/kiln-");
});
afterEach(() => rmSync(home, { recursive: true }));

const id = "shop-1-1-1";

function setUp(verify: () => void) {
  const process = findProcess(globalThis.process.pid);
  if (!process) throw new Error("this process runs");
  const paths = hostPaths(openStateFolder({ KILN_HOME: home }));
  const records = openRecords(paths);
  const inspector = createInspector();
  const clock = new FakeClock();
  const being: ServerRecord = {
    ...{ format: 1, id, release: testRelease("sha256:00"), createdAtMs: 5, bootId: bootId(), freed: false },
    ...{ address: "10.192.0.2", root: "r", layers: ["l"], stopSignal: 15 },
  };
  const running: ServerRecord = { ...being, running: { process } };
  const baseline = { mounts: [], namespaces: {}, limits: [], bundle: [] };
  const subject = {
    server: id,
    service: "shop",
    release: 1,
    process,
    cgroup: "/kiln/x",
    cgroupFolders: [],
    baseline,
    imageFiles: [],
  };
  const network = { verify: async () => verify(), lost: () => undefined };
  const runtime = { inside: "process" as const };
  const host = { ...{ tag: "0", paths, records, inspector, clock, network, runtime }, log: silentLog };
  return { host, being, running, subject };
}

test("a server that comes to run while others are listed stays in sight", async () => {
  const t = setUp(() => {
    t.host.records.write(t.running);
    t.host.inspector.add(t.subject);
  });
  t.host.records.write(t.being);
  expect(await listServers(t.host)).toMatchObject([{ id, state: "creating" }]);
  expect(t.host.inspector.subjects()).toEqual([t.subject]);
});

test("one that has ended leaves it", async () => {
  const t = setUp(() => {});
  t.host.inspector.add(t.subject);
  t.host.records.write({ ...t.running, exit: { code: 0, atMs: 9, oomKilled: false } });
  expect(await listServers(t.host)).toMatchObject([{ id, state: "exited" }]);
  expect(t.host.inspector.subjects()).toEqual([]);
});
