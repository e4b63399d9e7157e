import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTold } from "./server-state.ts";

function aStatus(): { readonly folder: string; readonly status: string } {
  const folder = mkdtempSync(join(tmpdir(), "kiln-told-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, status: join(folder, "status") };
}

test("what a machine has told is read, and a server that is none tells nothing", () => {
  const { status } = aStatus();
  expect(readTold({ status })).toBeUndefined();
  writeFileSync(status, "booted\nstarted\nexit 3\n");
  expect(readTold({ status })).toBe("booted\nstarted\nexit 3\n");
});

test("a hypervisor that was taken over leads to no other file, and fills no memory", () => {
  const { folder, status } = aStatus();
  writeFileSync(join(folder, "other"), "exit 0\n");
  symlinkSync("other", status);
  expect(readTold({ status })).toBe("");
  rmSync(status);
  mkdirSync(status);
  expect(readTold({ status })).toBe("");
  rmSync(status, { recursive: true });
  writeFileSync(status, Buffer.alloc(1 << 20, "a"));
  expect(readTold({ status })).toHaveLength(64 << 10);
});

test("a pipe in its place is not waited for", () => {
  const { status } = aStatus();
  execFileSync("mkfifo", [status]);
  const module = JSON.stringify(new URL("server-state.ts", import.meta.url).href);
  const code = `console.log(JSON.stringify((await import(${module})).readTold({ status: process.argv[1] })))`;
  const asked = spawnSync(process.execPath, ["--input-type=module", "-e", code, status], {
    timeout: 120_000,
  });
  expect(String(asked.stderr) + asked.stdout).toBe('""\n');
}, 180_000);
