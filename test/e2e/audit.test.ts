import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KilnEvent } from "../../src/domain/event.ts";
import { exec } from "../../src/lib/process/exec.ts";
import { type Installation, install, waitUntil, whyNoServers } from "./harness.ts";
import { type LittleService, littleService } from "./little-service.ts";

const why = whyNoServers();
if (why !== undefined) console.log(`Skipped: the audit log from end to end, because ${why}.`);

interface Verified {
  readonly whole: boolean;
  readonly last: { readonly sequence: number };
  readonly signed: number;
  readonly open: readonly object[];
  readonly finding?: { readonly sequence: number; readonly message: string };
}

describe.skipIf(why !== undefined)("the audit log, from end to end", () => {
  let kiln: Installation;
  let shop: LittleService;
  const at = (name: string) => join(kiln.home, "..", name);
  const audit = (...args: readonly string[]) => kiln.run(["audit", ...args]);
  const verify = async (...args: readonly string[]) =>
    JSON.parse((await audit("verify", "--json", ...args)).stdout) as Verified;
  const stop = () => kiln.ok(["controller", "stop"]);

  /** Changes the database by hand, past its triggers, and returns what puts it back as it was. */
  function tamper(sql: string): () => void {
    using raw = new DatabaseSync(join(kiln.home, "kiln.db"));
    const rows = raw.prepare("SELECT * FROM events").all();
    raw.exec(
      `DROP TRIGGER IF EXISTS events_are_never_changed; DROP TRIGGER IF EXISTS events_are_never_deleted; ${sql}`,
    );
    return () => {
      using again = new DatabaseSync(join(kiln.home, "kiln.db"));
      again.exec("BEGIN; DELETE FROM events");
      const columns = Object.keys(rows[0] ?? {});
      const insert = again.prepare(`INSERT INTO events (${columns}) VALUES (${columns.map(() => "?")})`);
      for (const row of rows) insert.run(...columns.map((column) => row[column] ?? null));
      again.exec("COMMIT");
    };
  }

  beforeAll(async () => {
    kiln = await install();
    shop = await littleService(kiln, "shop");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await shop.setPage("two");
    await kiln.ok(["deploy"], { cwd: shop.folder });
    await kiln.ok(["audit", "checkpoint", "--output", at("checkpoint.json")]);
    writeFileSync(at("kiln.pub"), (await kiln.ok(["audit", "key"])).stdout);
    await kiln.ok(["rollback"], { cwd: shop.folder });
  });
  afterAll(() => kiln[Symbol.asyncDispose]());

  test("every action has its intent and its result, and the log is whole", async () => {
    const events = async () => {
      const { stdout } = await audit("--tail", "all", "--subject", "shop", "--json");
      return stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as KilnEvent);
    };
    const intents = (await events()).filter(({ kind }) => kind === "action.intended");
    expect(new Set(intents.map(({ data }) => data.action))).toEqual(new Set(["resize", "route"]));
    const haveResults = async () => {
      const results = (await events()).filter(
        ({ kind }) => kind === "action.done" || kind === "action.failed",
      );
      return intents.every(({ sequence }) => results.some(({ data }) => data.intent === sequence));
    };
    await waitUntil(haveResults, 30_000, "every intent has a result");
    const found = await verify("--checkpoint", at("checkpoint.json"), "--key", at("kiln.pub"));
    const checkpoint = JSON.parse(readFileSync(at("checkpoint.json"), "utf8"));
    expect([found.whole, found.signed]).toEqual([true, checkpoint.sequence]);
  });

  test("a stranger finds the export whole with the program of the docs, and a change of it", async () => {
    await kiln.ok(["audit", "export", "--output", at("log.jsonl")]);
    const docs = readFileSync(new URL("../../docs/audit.md", import.meta.url), "utf8");
    writeFileSync(at("verify.mjs"), /```js\n(.*?)```/s.exec(docs)?.[1] ?? "");
    const stranger = async () => {
      const argv = [process.execPath, at("verify.mjs"), at("log.jsonl"), at("checkpoint.json")] as const;
      return (await exec(argv, { accept: [0, 1] })).stdout.trim();
    };
    expect(await stranger()).toMatch(/^\d+ entries, whole$/);
    const text = readFileSync(at("log.jsonl"), "utf8");
    writeFileSync(at("log.jsonl"), text.replace('"release":2', '"release":3'));
    expect(await stranger()).toMatch(/^entry \d+: does not follow the one before$/);
  });

  test.each([
    ["altered", "UPDATE events SET message = 'nothing' WHERE sequence = 5", 5],
    ["dropped", "DELETE FROM events WHERE sequence = 7", 7],
    ["cut off", "DELETE FROM events WHERE sequence > 9", 10],
    [
      "moved",
      "UPDATE events SET sequence = 0 WHERE sequence = 4; UPDATE events SET sequence = 4 WHERE sequence = 6; UPDATE events SET sequence = 6 WHERE sequence = 0",
      4,
    ],
  ])("an entry that was %s while the controller was down is named without one", async (_, sql, sequence) => {
    await stop();
    const restore = tamper(sql);
    try {
      const { code, stdout } = await audit("verify", "--checkpoint", at("checkpoint.json"));
      expect([code, stdout]).toEqual([1, expect.stringContaining(`from entry ${sequence} on`)]);
      expect(await kiln.controllerPid()).toBe(undefined);
    } finally {
      restore();
    }
    expect((await verify()).whole).toBe(true);
  });

  test("a change while the controller runs is reported within seconds, and the site keeps serving", async () => {
    await kiln.ok(["status"]);
    const { last } = await verify();
    tamper(`DELETE FROM events WHERE sequence = ${last.sequence}`);
    const status = async () => (await kiln.ok(["status"], { cwd: kiln.home })).stdout;
    await waitUntil(
      async () => (await status()).includes("event log was changed"),
      40_000,
      "the status tells",
    );
    expect((await kiln.run(["doctor"])).stdout).toContain("The event log was changed by another program");
    expect(await shop.page()).toBe("one");
    await kiln.ok(["scale", "3"], { cwd: shop.folder });
    await stop();
    await kiln.ok(["status"]);
    expect((await verify()).finding).toMatchObject({ sequence: last.sequence });
    expect(await status()).toContain("event log was changed");
  });

  test("an accepted change causes no more warnings, until the log is changed again", async () => {
    const accepted = await kiln.ok(["audit", "accept", "--reason", "I deleted it."]);
    expect(accepted.stdout).toMatch(/^Entry \d+ records that you have accepted this\./);
    const status = async () => (await kiln.ok(["status"], { cwd: kiln.home })).stdout;
    expect(await status()).not.toContain("event log");
    expect((await kiln.run(["doctor"])).stdout).not.toContain("event log was changed");
    const known = await audit("verify");
    expect([known.code, known.stdout]).toEqual([
      0,
      expect.stringMatching(/all changes are acknowledged.*accepted by \S+.*I deleted it\./s),
    ]);
    expect(await verify()).toMatchObject({ whole: false, open: [] });
    await stop();
    await kiln.ok(["status"]);
    expect(await status()).not.toContain("event log");
    await stop();
    tamper("UPDATE events SET message = 'nothing' WHERE sequence = 5");
    expect(await status()).toContain("The event log was changed while no controller ran. Entry 5");
    expect(await verify()).toMatchObject({
      finding: { sequence: 5 },
      accepted: [{ reason: "I deleted it." }],
    });
    expect((await audit("verify")).code).toBe(1);
  });

  test("a key that others can read signs nothing, and the remedy is said", async () => {
    await exec(["chmod", "644", join(kiln.home, "audit.key")]);
    const { code, stderr } = await audit("checkpoint");
    expect([code, stderr]).toEqual([1, expect.stringMatching(/has mode 0644.*chmod 600/s)]);
    await exec(["chmod", "600", join(kiln.home, "audit.key")]);
    expect((await audit("checkpoint")).code).toBe(0);
  });
});
