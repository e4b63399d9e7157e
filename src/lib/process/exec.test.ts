import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { exec } from "./exec.ts";

test.each(["wait", "exit"])(
  "no one waits for a process that holds the pipes of a program that was killed (%s)",
  async (then) => {
    const folder = mkdtempSync("/tmp/kiln-");
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const stop = new AbortController();
    const script = `sleep 300 & echo $! >${folder}/new; mv ${folder}/new ${folder}/pid; ${then}`;
    const ended = exec(["sh", "-c", script], { signal: stop.signal });
    ended.catch(() => {});
    const pid = await vi.waitFor(() => Number(readFileSync(join(folder, "pid"), "utf8")), 60_000);
    onTestFinished(() => void process.kill(pid, "SIGKILL"));
    stop.abort();
    await expect(ended).rejects.toMatchObject({ code: "cancelled" });
  },
);
