import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { nearest } from "../nearest.ts";
import { withFileLock } from "./file-lock.ts";

const folder = mkdtempSync("/tmp/kiln-");
afterAll(() => rmSync(folder, { recursive: true }));

test("one at a time, also within a process", async () => {
  const path = join(folder, "a");
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all(Array.from({ length: 8 }, () => withFileLock(path, work)));
  expect(most).toBe(1);
});

test("a lock ends with its holder, by an exception or a kill", async () => {
  const path = join(folder, "b");
  await expect(withFileLock(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  const module = JSON.stringify(new URL("./file-lock.ts", import.meta.url).href);
  const script = `import { withFileLock } from ${module};
    await withFileLock(${JSON.stringify(path)}, () => { console.log("held"); return new Promise((done) => setTimeout(done, 60_000)); });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  try {
    const second = withFileLock(path, async () => {}, { timeoutMs: 20 });
    await expect(second).rejects.toMatchObject({ code: "state_held" });
  } finally {
    child.kill("SIGKILL");
  }
  expect(await withFileLock(path, async () => "mine", { timeoutMs: 10_000 })).toBe("mine");
});

test("the nearest word, or none", () => {
  expect(nearest("ngnix", ["apache", "nginx"])).toBe("nginx");
  expect(nearest("sh", ["ls", "sh2"])).toBe("sh2");
  expect(nearest("completely", ["other"])).toBeUndefined();
});
