import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLog } from "./log.ts";

test("one JSON line per message, in a file only for its owner", () => {
  const folder = mkdtempSync("/tmp/kiln-");
  const path = join(folder, "log");
  openLog(path).info({ server: "shop-1-1-1" }, "ready");
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
    level: 30,
    server: "shop-1-1-1",
    msg: "ready",
  });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  rmSync(folder, { recursive: true });
});

const full = existsSync("/dev/full");
if (!full) console.log("Skipped: a log on a full disk, because there is no /dev/full here.");

test.skipIf(!full)("a full disk loses only that line", () => {
  const log = openLog("/dev/full");
  expect(() => log.error("lost")).not.toThrow();
});
