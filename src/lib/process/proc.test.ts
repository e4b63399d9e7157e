import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { findProcess, hasRun, isEnding, isProcessAlive } from "./proc.ts";

test("a process counts as ending from the moment it begins to end, also before its exit status is read", async () => {
  // `exec` leaves the child to a program that never waits for it: it stays a zombie.
  const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const [printed] = (await once(parent.stdout, "data")) as [Buffer];
    const zombie = Number(printed.toString());
    await expect.poll(() => isEnding(zombie), { timeout: 60_000 }).toBe(true);
    expect(findProcess(zombie)).toBeUndefined();
    await expect.poll(() => isProcessAlive(zombie), { timeout: 60_000 }).toBe(false);
    expect(isProcessAlive(parent.pid ?? 0)).toBe(true);
    expect(isEnding(parent.pid ?? 0)).toBe(false);
    expect(isEnding(process.pid)).toBe(false);
  } finally {
    parent.kill("SIGKILL");
    await once(parent, "exit");
  }
  expect([isEnding(parent.pid ?? 0), isProcessAlive(parent.pid ?? 0)]).toEqual([true, false]);
});

test("a process that reads of itself has run, and so has one that has ended", () => {
  expect(hasRun(process.pid)).toBe(true);
  expect(hasRun(4_194_305)).toBe(true);
});
