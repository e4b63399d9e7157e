import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli } from "../../test-kit.ts";

test("names that a shell would run, split or take for options are not offered", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "kiln-completion-"));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  const names = ["staging", "$(touch x)", "a;b", "`id`", "a b", "a\nb", "--no-wait", "~", "a*"];
  const environments = Object.fromEntries(names.map((name) => [name, {}]));
  writeFileSync(join(cwd, "kiln.yaml"), JSON.stringify({ service: "shop", environments }));
  const offered = await cli(["completion", "bash", "--", "deploy", "--env", ""], { cwd });
  expect(offered).toMatchObject({ code: 0, stdout: "staging\n" });
});
