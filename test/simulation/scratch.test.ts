import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { expect, test } from "vitest";

const script = `
  const { Scratch } = await import(${JSON.stringify(import.meta.resolve("./scratch.ts"))});
  console.log(new Scratch().folder);
  setInterval(() => {}, 1000);
`;

test.each(["SIGINT", "SIGTERM"] as const)("%s takes the folder of a run with it", async (signal) => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
  const [said] = await once(child.stdout, "data");
  const folder = String(said).trim();
  try {
    expect(existsSync(folder)).toBe(true);
    child.kill(signal);
    const [, endedBy] = await once(child, "exit");
    expect(endedBy).toBe(signal);
    expect(existsSync(folder)).toBe(false);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
