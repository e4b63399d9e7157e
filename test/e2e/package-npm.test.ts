import { join } from "node:path";
import { expect, test } from "vitest";
import { exec } from "../../src/lib/process/exec.ts";

test("the npm package is the same bytes each time, installs without a script, and works", async () => {
  const script = join(import.meta.dirname, "package-npm.sh");
  const { stdout } = await exec(["sh", script], { timeoutMs: 600_000 });
  expect(stdout).toMatch(/the npm package works\n$/);
}, 620_000);
