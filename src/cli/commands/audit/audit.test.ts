import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startAuditor } from "../../../controller/audit/auditor.ts";
import { anAsker } from "../../../domain/testing.ts";
import { silentLog } from "../../../lib/log.ts";
import { exec } from "../../../lib/process/exec.ts";
import { openStateFolder } from "../../../lib/state-folder.ts";
import { systemClock } from "../../../lib/time/clock.ts";
import { openStore } from "../../../store/store.ts";
import type { AcceptRequest } from "../../api.ts";
import { type CliResult, cli } from "../../test-kit.ts";

let folder: string;
let home: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync("/tmp/kiln-a-");
  home = at("state");
  mkdirSync(home);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a controller leaves: `events` entries of its own, a checkpoint before the last of them and one at the end. */
async function history(events: number): Promise<void> {
  const state = openStateFolder({ KILN_HOME: home });
  using store = openStore(state.database, { clock: systemClock });
  const auditor = startAuditor({
    ...{ store, clock: systemClock, log: silentLog },
    ...{ keyPath: state.auditKey, checkpointPath: state.auditCheckpoint },
  });
  const note = (message: string) =>
    store.appendEvent({
      service: "shop",
      kind: "x.y",
      message,
      data: { b: 1e-7, a: ["é", { z: null, 1: "\u2028" }] },
    });
  for (let i = 1; i < events; i++) note(`Number ${i}, “ü” \u0000.`);
  writeFileSync(at("checkpoint.json"), JSON.stringify(await auditor.checkpoint({}, anAsker())));
  writeFileSync(at("kiln.pub"), (await auditor.audit({})).key?.publicKey ?? "");
  note("The last.");
  await auditor.close();
}
function tamper(sql: string): void {
  using raw = new DatabaseSync(join(home, "kiln.db"));
  raw.exec(
    "DROP TRIGGER IF EXISTS events_are_never_changed; DROP TRIGGER IF EXISTS events_are_never_deleted;",
  );
  raw.exec(sql);
}
const audit = (...args: readonly string[]) => cli(["audit", ...args], { home, cwd: folder });
const found = ({ code, stdout }: CliResult) => [code, JSON.parse(stdout).finding?.sequence];

test("verify reports that a log is whole, and how far it is signed", async () => {
  await history(5);
  const { code, stdout } = await audit("verify", "--checkpoint", "checkpoint.json", "--key", "kiln.pub");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^The log is whole: 8 entries, none altered, dropped or moved\.$/m);
  expect(stdout).toMatch(/Signed up to entry 7, with the key [0-9a-f]{16}\./);
  expect(stdout).toMatch(/It matches the checkpoint of .*: entry 5 and all earlier ones\./);
});

/** `kiln audit accept`, with a controller that does nothing else. */
async function accept(...args: readonly string[]): Promise<CliResult> {
  const state = openStateFolder({ KILN_HOME: home });
  using store = openStore(state.database, { clock: systemClock });
  const auditor = startAuditor({
    ...{ store, clock: systemClock, log: silentLog },
    ...{ keyPath: state.auditKey, checkpointPath: state.auditCheckpoint },
  });
  const given = {
    home,
    cwd: folder,
    client: { acceptBreaks: (asked: AcceptRequest) => auditor.acceptBreaks(asked, anAsker()) },
  };
  const result = await cli(["audit", "accept", ...args], given);
  await auditor.close();
  return result;
}

test("accepted changes are reported with person and reason, and later changes are reported as new", async () => {
  await history(5);
  tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3");
  const { code, stderr, stdout } = await accept("--reason", "The intern of Monday.");
  expect([code, stderr]).toEqual([0, expect.stringMatching(/in 2 places, first in entry 3: It was altered/)]);
  expect(stdout).toMatch(/^Entry 10 records that you have accepted this\./);
  const known = await audit("verify");
  expect([known.code, known.stdout]).toEqual([
    0,
    expect.stringMatching(
      /^The log was altered; all changes are acknowledged: 11 entries.*\n {2}2 places, first in entry 3: accepted by \S+@\S+, \S+Z, in entry 10\.\n {4}The intern of Monday\.\n {2}Signed up to entry 10/,
    ),
  ]);
  expect(JSON.parse((await audit("verify", "--json")).stdout)).toMatchObject({
    whole: false,
    open: [],
    accepted: [{ sequence: 10, first: 3, reason: "The intern of Monday." }],
  });

  tamper("UPDATE events SET message = 'other' WHERE sequence = 5");
  const fresh = await audit("verify");
  expect([fresh.code, fresh.stdout]).toEqual([
    1,
    expect.stringMatching(
      /was altered from entry 5 on\.\n.*\n {2}Verified: 4 entries up to 4, except for what was accepted\.\n {2}2 places, first in entry 3/,
    ),
  ]);
  expect((await accept("-r", "The same intern.")).code).toBe(0);
  expect(JSON.parse((await audit("verify", "--json")).stdout).accepted).toHaveLength(2);
});

test("an accepted place that is changed once more is reported as new", async () => {
  await history(5);
  tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3");
  expect((await accept("--reason", "Known.")).code).toBe(0);
  tamper("UPDATE events SET message = 'anything' WHERE sequence = 3");
  expect(found(await audit("verify", "--json"))).toEqual([1, 3]);
});

test("accepting needs a reason, and a whole log has nothing to accept", async () => {
  await history(5);
  expect(await accept()).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing to accept") });
  tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3");
  expect(await accept()).toMatchObject({ code: 2, stderr: expect.stringContaining("A reason is required") });
  expect((await accept("--reason", " ")).code).toBe(2);
  expect(found(await audit("verify", "--json"))).toEqual([1, 3]);
});

test("a checkpoint kept elsewhere contradicts the log until that is accepted too", async () => {
  await history(5);
  rmSync(join(home, "audit.checkpoint"));
  tamper("DELETE FROM events WHERE sequence > 4");
  expect((await accept("--reason", "A backup.")).code).toBe(0); // that the file is gone
  expect((await audit("verify")).code).toBe(0);
  expect(found(await audit("verify", "-c", "checkpoint.json", "--json"))[0]).toBe(1);
  expect((await accept("--reason", "A backup.", "-c", "checkpoint.json")).code).toBe(0);
  expect((await audit("verify", "-c", "checkpoint.json")).code).toBe(0);
});

test("an installation without a log passes", async () => {
  expect((await audit("verify")).stdout).toContain("0 entries");
  expect(await audit("export")).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("the first wrong entry is reported, with exit code 1", async () => {
  await history(5);
  tamper("UPDATE events SET message = 'nothing' WHERE sequence = 3");
  const { code, stdout } = await audit("verify");
  expect([code, stdout]).toEqual([
    1,
    `The log was altered from entry 3 on.
  It was altered: its content does not match its digest.
  Verified: 2 entries up to 2.
`,
  ]);
  expect(found(await audit("verify", "--json"))).toEqual([1, 3]);
});

test("the installation's checkpoint detects cut off entries, and so does one kept elsewhere", async () => {
  await history(5);
  tamper("DELETE FROM events WHERE sequence > 4");
  expect(found(await audit("verify", "--json"))).toEqual([1, 5]);
  rmSync(join(home, "audit.checkpoint"));
  const { code, stdout } = await audit("verify");
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(
      /is consistent: .* Nothing proves.*rewritten all of it.*audit\.checkpoint is missing/s,
    ),
  ]);
  expect(found(await audit("verify", "--json", "-c", "checkpoint.json"))).toEqual([1, 5]);
});

test("an altered checkpoint of the installation is reported, and the log is verified anyway", async () => {
  await history(5);
  writeFileSync(join(home, "audit.checkpoint"), "{}");
  const { code, stdout } = await audit("verify");
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/The log is whole.*audit\.checkpoint was altered/s),
  ]);
});

test("unreadable entries are reported too", async () => {
  await history(5);
  tamper("UPDATE events SET at_ms = 9223372036854775807 WHERE sequence = 4");
  expect(found(await audit("verify", "--json"))).toEqual([1, 4]);
});

test("files that are not a checkpoint or a key are refused", async () => {
  await history(2);
  const checkpoint = JSON.parse(readFileSync(at("checkpoint.json"), "utf8"));
  writeFileSync(at("forged.json"), JSON.stringify({ ...checkpoint, sequence: 1 }));
  expect(await audit("verify", "-c", "forged.json")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("checkpoint_invalid"),
  });
  expect((await audit("verify", "-c", "absent.json")).stderr).toContain("file_missing");
  expect((await audit("verify", "-k", "checkpoint.json")).stderr).toContain(
    "does not contain a public key in PEM",
  );
});

/** The program in docs/audit.md, run as a stranger would. */
async function stranger(): Promise<readonly [number, string]> {
  const docs = readFileSync(new URL("../../../../docs/audit.md", import.meta.url), "utf8");
  const [, program = ""] = /```js\n(.*?)```/s.exec(docs) ?? [];
  writeFileSync(at("verify.mjs"), program);
  const argv = [process.execPath, at("verify.mjs"), at("log.jsonl"), at("checkpoint.json")] as const;
  const { code, stdout } = await exec(argv, { accept: [0, 1] });
  return [code, stdout.trim()];
}

test("an export through a pipe arrives whole", async () => {
  const state = openStateFolder({ KILN_HOME: home });
  using store = openStore(state.database, { clock: systemClock });
  store.appendEvent({ service: "shop", kind: "x.y", message: "x".repeat(1_000_000), data: {} });
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const counted = `'${process.execPath}' '${main}' audit export | wc -c`;
  const { stdout } = await exec(["sh", "-c", counted], { env: { ...process.env, KILN_HOME: home } });
  expect(Number(stdout)).toBeGreaterThan(1_000_000);
});

test("anyone can verify an export with the program in the docs", async () => {
  await history(5);
  expect((await audit("export")).stdout.split("\n").length).toBe(9);
  const { code, stdout } = await audit("export", "--output", "log.jsonl", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { entries: 8, output: at("log.jsonl") }]);
  expect(statSync(at("log.jsonl")).mode & 0o777).toBe(0o600);
  expect(await stranger()).toEqual([0, "8 entries, whole"]);
  const lines = readFileSync(at("log.jsonl"), "utf8").split("\n");
  const write = (changed: readonly string[]) => writeFileSync(at("log.jsonl"), changed.join("\n"));
  write(lines.with(2, (lines[2] ?? "").replace("Number 2", "Number 3")));
  expect(await stranger()).toEqual([1, "entry 4: does not follow the one before"]);
  write(lines.toSpliced(2, 1));
  expect(await stranger()).toEqual([1, "entry 3: does not follow the one before"]);
  write([...lines.slice(0, 3), ""]);
  expect(await stranger()).toEqual([1, "entry 4: does not match the checkpoint"]);
  write(lines.with(5, (lines[5] ?? "").replace(/"signature":"./, '"signature":"!')));
  expect((await stranger())[0]).toBe(1);
});
