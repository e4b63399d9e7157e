import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { aFinding, aRelease } from "../../domain/testing.ts";
import { FakeClock } from "../../lib/time/fake-clock.ts";
import type { Call } from "../../platform/contract/call.ts";
import type { Exhibit } from "../../platform/contract/evidence.ts";
import { type EvidenceStore, evidenceLimits, openEvidence } from "./evidence.ts";

const call: Call = { signal: new AbortController().signal, deadline: Number.POSITIVE_INFINITY };
const clock = new FakeClock(1_000_000);
let folder: string;
let store: EvidenceStore;

beforeEach(() => {
  folder = join(mkdtempSync("/tmp/kiln-v-"), "evidence");
  store = openEvidence(folder, clock);
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true }));

const server = "shop-1-1-1";
function exhibit(overrides: Partial<Exhibit> = {}): Exhibit {
  const { server: _, ...taint } = aFinding();
  const rest = {
    pid: undefined,
    secrets: [],
    processes: [process.pid],
    log: ["last words"],
    transcripts: [],
  };
  return { server, release: aRelease(1), taint, ...rest, ...overrides };
}

async function archive(): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(server, call.signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("an archive is named by its digest and can be read by any tar, but only by its owner", async () => {
  const digest = await store.keep(exhibit(), call);
  const bytes = await archive();
  expect(`sha256:${createHash("sha256").update(bytes).digest("hex")}`).toBe(digest);
  const listed = execFileSync("tar", ["-t"], { input: bytes, encoding: "utf8" }).split("\n");
  expect(listed).toEqual(expect.arrayContaining(["about.json", "log", "mounts", "processes.json"]));
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test("what its platform says of a server is in the archive, too", async () => {
  await store.keep(exhibit({ documents: [{ name: "pod.json", text: "{}" }] }), call);
  const content = execFileSync("tar", ["-xO", "pod.json"], { input: await archive(), encoding: "utf8" });
  expect(content).toBe("{}");
});

test("what could not be read of a server is named in its archive and in its report", async () => {
  const missing = ["log: no answer within 15 s"];
  await store.keep(exhibit({ log: [], missing }), call);
  const content = execFileSync("tar", ["-xO", "about.json"], { input: await archive(), encoding: "utf8" });
  expect(JSON.parse(content)).toMatchObject({ missing });
  expect(await store.show(server)).toMatchObject({ missing });
});

test("it tells what was found and which processes ran, never their environment", async () => {
  process.env.KILN_TEST_SECRET = "hunter2";
  await store.keep(exhibit(), call);
  expect(await store.show(server)).toMatchObject({
    server,
    taint: { kind: "process" },
    processes: [{ pid: process.pid, own: true, executable: process.execPath }],
    log: ["last words"],
  });
  const all = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
  expect(all.join("")).not.toContain("hunter2");
});

test("the newest of a server counts; of an unknown one there is none", async () => {
  await store.keep(exhibit(), call);
  await clock.advance(1000);
  await store.keep(exhibit({ log: ["later words"] }), call);
  expect((await store.list()).map((kept) => kept.atMs)).toEqual([1_001_000, 1_000_000]);
  expect((await store.show(server)).log).toEqual(["later words"]);
  await expect(store.show("shop-1-2-1")).rejects.toMatchObject({ code: "evidence_unknown" });
});

test("who it was is read from what Kiln 0.1 has kept", async () => {
  const digest = await store.keep(exhibit(), call);
  const path = join(folder, `${digest.replace("sha256:", "")}.tar.json`);
  const { who: _who, ...report } = JSON.parse(readFileSync(path, "utf8"));
  const culprit = { pid: 4711, uid: -1, loginUid: 1000, name: "runc" };
  writeFileSync(path, JSON.stringify({ ...report, culprit }));
  const shown = await store.show(server);
  expect(shown.who).toBe("runc pid 4711 (login 1000)");
  expect(shown).not.toHaveProperty("culprit");
});

test("what is too old goes when something new comes", async () => {
  await store.keep(exhibit({ server: "shop-1-9-1" }), call);
  await clock.advance(evidenceLimits.ageMs + 1);
  await store.keep(exhibit(), call);
  expect((await store.list()).map((kept) => kept.server)).toEqual([server]);
  expect(readdirSync(folder)).toHaveLength(2);
});

test("a call that is cancelled leaves nothing that would be taken for evidence", async () => {
  const cancelled = { ...call, signal: AbortSignal.abort() };
  await expect(store.keep(exhibit(), cancelled)).rejects.toThrow();
  expect(await store.list()).toEqual([]);
});
